/// Which cluster to talk to, and how.
public struct KafkaConfiguration: Sendable {
    /// Where to begin: `host:port` of some brokers; the rest is learned from these.
    public var brokers: [String]
    /// What brokers' logs and quotas call this program. Default: `sluice`.
    public var clientID = "sluice"

    public init(brokers: [String]) {
        self.brokers = brokers
    }
}
