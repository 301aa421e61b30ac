import Sluice

/// Work that needs a connection and goes on for as long as it is wanted.
protocol ConnectionWork: AnyObject {
    /// Whether to stop: no connection is made any more.
    var isStopping: Bool { get }
    /// Works until it is told to stop, and returns then.
    /// - Throws: what ended the connection.
    func serve(_ link: Link) throws(AMQPError)
    /// There is no connection, because of this.
    func disconnected(_ error: AMQPError)
    /// Does what has to be done also without a connection.
    /// - Returns: when to be called again; nil when the signal says so.
    func rest() -> MonotonicTime?
}

/// Connects, and connects again whenever the connection is lost, trying the hosts in turn and waiting for longer each
/// time that none of them could be reached.
struct Connector {
    let configuration: AMQPConfiguration
    let signal: PollSignal
    let monitor: ConnectionMonitor

    /// Returns when the work is to stop.
    func run(_ work: any ConnectionWork) {
        var schedule = ReconnectSchedule(hosts: configuration.hosts.count, backoff: configuration.reconnect)
        while !work.isStopping {
            let host = configuration.hosts[schedule.host]
            do throws(AMQPError) {
                let link = try Handshake.open(host, configuration, signal: signal) { work.isStopping }
                monitor.connected(to: "\(host)")
                let start = MonotonicTime.now()
                do throws(AMQPError) {
                    try work.serve(link)
                    break
                } catch {
                    let lived = MonotonicTime.now().nanoseconds(since: start)
                    schedule.lost(after: .nanoseconds(Int64(clamping: lived)))
                    throw error
                }
            } catch {
                if work.isStopping { break }
                monitor.lost(error)
                work.disconnected(error)
                pause(schedule.failed(error), work)
            }
        }
        _ = work.rest()
        monitor.closed()
    }

    private func pause(_ delay: Duration, _ work: any ConnectionWork) {
        let end = MonotonicTime.now().advanced(by: delay)
        while !work.isStopping {
            let next = work.rest()
            guard MonotonicTime.now() < end else { return }
            _ = signal.wait(for: -1, writing: false, until: min(end, next ?? end))
        }
    }
}

/// Which host to try next, and when.
struct ReconnectSchedule {
    /// Who is told that its password is wrong does not ask again at once.
    private static let shortestRefusal = Duration.seconds(5)

    private(set) var host = 0
    private let hosts: Int
    private let backoff: Backoff
    /// Attempts since a connection was worth something.
    private var failures = 0

    init(hosts: Int, backoff: Backoff) {
        self.hosts = max(1, hosts)
        self.backoff = backoff
    }

    /// A connection was made and is gone: one that breaks as soon as it is made is no success.
    mutating func lost(after lived: Duration) {
        if lived > backoff.maximum || lived > .seconds(10) { failures = 0 }
    }

    /// - Returns: how long to wait before the next attempt.
    mutating func failed(_ error: AMQPError) -> Duration {
        host = (host + 1) % hosts
        failures += 1
        // Each of the hosts gets its turn before anything is waited for.
        guard host == 0 || error.needsPerson else { return .zero }
        let rounds = (failures + hosts - 1) / hosts
        let bound = backoff.bound(beforeRetry: rounds)
        // Never quite at once: half of the bound is jitter, as far as it is asked for.
        let delay = backoff.jitter ? bound * Double.random(in: 0.5...1) : bound
        return error.needsPerson ? max(delay, min(Self.shortestRefusal, backoff.maximum)) : delay
    }
}
