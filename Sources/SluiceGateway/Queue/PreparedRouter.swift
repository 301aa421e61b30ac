import ServiceLifecycle
import Sluice

/// Runs the router once the queue can be used. Until then webhooks are answered 503, because no route reads them.
struct PreparedRouter: Service {
    let queue: any EventQueue
    let router: Router

    func run() async throws {
        // The queue is looked after from the beginning: what it lacks is told while it is waited for.
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                await queue.keep()
                return false
            }
            group.addTask {
                try await runPrepared()
                return true
            }
            defer { group.cancelAll() }
            while let isRouter = try await group.next(), !isRouter {}
        }
    }

    private func runPrepared() async throws {
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
        guard isPrepared else { return await closed() }
        do {
            for route in queue.routes { try router.add(route) }
        } catch is ClosedError {
            // It shuts down already.
        }
        try await router.run()
    }

    /// A router that is told to end before it runs closes what its routes would have used.
    private func closed() async {
        router.drain()
        try? await router.run()
    }
}
