import ServiceLifecycle
import Sluice
import Synchronization

/// Has the configuration reloaded when its files change.
final class ConfigurationWatch: Service {
    private let origin: @Sendable () -> ConfigurationFile.Origin
    private let reload: @Sendable () async -> Void

    /// - Parameters:
    ///   - origin: what the configuration was read from last, also where it was refused.
    ///   - reload: reads it.
    init(origin: @escaping @Sendable () -> ConfigurationFile.Origin, reload: @escaping @Sendable () async -> Void) {
        self.origin = origin
        self.reload = reload
    }

    func run() async throws {
        let (changes, feed) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let inbox = try WatchLoop.Inbox(origin())
        let thread = try WorkerThread(name: "sluice-config") {
            WatchLoop(inbox) { feed.yield() }.run()
        }
        for await _ in changes.cancelOnGracefulShutdown() {
            await reload()
            inbox.follow(origin())
        }
        inbox.stop()
        await thread.end()
    }
}
