import ServiceLifecycle
import Sluice
import Synchronization

/// Has the configuration reloaded when its files change.
final class ConfigurationWatch: Service {
    private let origin: @Sendable () -> ConfigurationFile.Origin
    private let reload: @Sendable (_ again: Bool) async -> Bool
    /// Whether it is time to look again.
    private let looksAgain = Atomic<Bool>(false)
    /// How soon a file is looked at again that was refused for what may pass, such as messages that wait.
    private static let pause: Duration = .seconds(1)

    /// - Parameters:
    ///   - origin: what the configuration was read from last, also where it was refused.
    ///   - reload: reads it, again or for the first time since it has changed; tells whether it may be taken later.
    init(
        origin: @escaping @Sendable () -> ConfigurationFile.Origin,
        reload: @escaping @Sendable (_ again: Bool) async -> Bool
    ) {
        self.origin = origin
        self.reload = reload
    }

    func run() async throws {
        let (changes, feed) = AsyncStream<Bool>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let signal = try PollSignal()
        let inbox = Inbox<ConfigurationFile.Origin> { signal.raise() }
        _ = inbox.post(origin())
        let thread = try WorkerThread(name: "sluice-config") {
            WatchLoop(inbox, signal) { feed.yield(false) }.run()
        }
        await withDiscardingTaskGroup { group in
            for await again in changes.cancelOnGracefulShutdown() {
                let mayPass = await reload(again)
                _ = inbox.post(origin())
                guard mayPass, !self.looksAgain.exchange(true, ordering: .relaxed) else { continue }
                group.addTask {
                    try? await Task.sleep(for: Self.pause)
                    self.looksAgain.store(false, ordering: .relaxed)
                    if !Task.isCancelled { feed.yield(true) }
                }
            }
            group.cancelAll()
        }
        _ = inbox.end()
        await thread.end()
    }
}
