/// Bounds of jobs that put messages back.
enum RedriveLimits {
    /// A message that has come back so often is put back only where a person insists.
    static let rounds: Int64 = 3
    /// A job stops once so many have failed again, and a larger share of all than its bound.
    static let leastFailures: Int64 = 10
    /// The share, where none is given.
    static let failureShare = 0.2
    /// The most canaries.
    static let canaries = 100
    /// How many messages one job has at most.
    static let messages = 1_000_000
    /// How many jobs that have ended are kept.
    static let endedJobs = 100
    /// How many blocks of 4,096 events are known to have been delivered by a sink: what is older counts as not delivered.
    static let deliveredBlocks = 16_384
    /// How many gateways' records of one such block are kept. A gateway that starts again is another one.
    static let deliveredWriters = 32
    /// How much of a file of exported messages is read.
    static let fileBytes = 256 << 20
}
