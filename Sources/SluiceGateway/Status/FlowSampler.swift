import Logging
import ServiceLifecycle
import Sluice
import Synchronization

/// Keeps the flows of the last hour, and what the snapshot shows that has to be read asynchronously.
final class FlowSampler: Service {
    static let interval = Duration.seconds(5)
    /// Every so many samples the backlog and the deployments are read anew.
    private static let slowEvery = 3

    private let totals: @Sendable () -> [String: Int64]
    private let refresh: @Sendable () async -> Void
    private let histories = Mutex<[String: FlowHistory]>([:])

    /// - Parameters:
    ///   - totals: what has gone through each box since the process began.
    ///   - refresh: reads what is not known without waiting.
    init(totals: @escaping @Sendable () -> [String: Int64], refresh: @escaping @Sendable () async -> Void) {
        self.totals = totals
        self.refresh = refresh
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            for count in 0... {
                self.sample()
                if count % Self.slowEvery == 0 { await self.refresh() }
                guard (try? await Task.sleep(for: Self.interval)) != nil else { return self.sample() }
            }
        }
    }

    func sample(at now: MonotonicTime = .now()) {
        let totals = totals()
        histories.withLock { histories in
            for (box, total) in totals { histories[box, default: FlowHistory()].note(total, at: now) }
            // What is gone is forgotten.
            if histories.count > totals.count { histories = histories.filter { totals[$0.key] != nil } }
        }
    }

    func flow(of box: String, total: Int64, at now: MonotonicTime = .now()) -> Snapshot.Flow {
        histories.withLock { $0[box] }?.flow(total, at: now) ?? Snapshot.Flow(total: total, minutes: [total])
    }
}
