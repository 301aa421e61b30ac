import ServiceLifecycle
import Sluice
import Synchronization

/// Is told first that the gateway shuts down, because it is the last of its services.
final class DrainFlag: Service {
    private let draining = Atomic<Bool>(false)

    func report(to readiness: inout Readiness) {
        if draining.load(ordering: .relaxed) { readiness.reasons.append(Readiness.draining) }
    }

    func run() async throws {
        try? await gracefulShutdown()
        draining.store(true, ordering: .relaxed)
    }
}
