import ServiceLifecycle
import Sluice

/// Runs the router once the queue can be used. Until then webhooks are answered 503, because nobody reads them.
struct PreparedRouter: Service {
    let queue: any EventQueue
    let router: Router

    func run() async throws {
        let isPrepared = try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await queue.prepare()
                return true
            }
            group.addTask {
                try await gracefulShutdown()
                return false
            }
            defer { group.cancelAll() }
            return try await group.next() ?? false
        }
        if isPrepared { try await runKeeping() } else { await closed() }
    }

    /// Runs the router, and looks after the queue meanwhile.
    private func runKeeping() async throws {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                await queue.keep()
                return false
            }
            group.addTask {
                try await router.run()
                return true
            }
            defer { group.cancelAll() }
            while let isRouter = try await group.next(), !isRouter {}
        }
    }

    /// A router that is told to end before it runs closes what its routes would have used.
    private func closed() async {
        router.drain()
        try? await router.run()
    }
}
