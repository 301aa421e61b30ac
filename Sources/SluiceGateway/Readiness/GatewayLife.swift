import ServiceLifecycle
import Sluice
import Synchronization

/// Where a gateway is: on its way to be ready, ready, or ended and why. For those who wait for it.
final class GatewayLife: Sendable {
    private struct State {
        /// Why it is over.
        var end: (any Error)?
        var waiters: [UInt64: AsyncStream<Void>.Continuation] = [:]
        var nextWaiter: UInt64 = 0
    }

    private let state = Mutex(State())

    /// Something is otherwise than it was: those who wait look again.
    func changed() {
        for waiter in state.withLock({ Array($0.waiters.values) }) { waiter.yield() }
    }

    /// It is over; the first reason is the cause.
    func end(_ error: any Error) {
        let waiters = state.withLock { state in
            if state.end == nil { state.end = error }
            return Array(state.waiters.values)
        }
        for waiter in waiters { waiter.yield() }
    }

    /// Returns once the condition holds. It is looked at when something has changed.
    /// - Throws: why it is over; `CancellationError`.
    func wait(until isReached: @Sendable () -> Bool) async throws {
        let (changes, waiter) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let id = state.withLock { state in
            state.nextWaiter += 1
            state.waiters[state.nextWaiter] = waiter
            return state.nextWaiter
        }
        defer { state.withLock { _ = $0.waiters.removeValue(forKey: id) } }
        // What was so before counts as a change.
        waiter.yield()
        for await _ in changes {
            if let end = state.withLock(\.end) { throw end }
            if isReached() { return }
        }
        throw CancellationError()
    }
}

/// One of the gateway's services, whose failure ends the wait for the gateway.
struct WatchedService: Service, CustomStringConvertible {
    let service: any Service
    let life: GatewayLife

    func run() async throws {
        do {
            try await service.run()
        } catch {
            life.end(error)
            throw error
        }
        // None of them ends by itself before the gateway is told to.
        life.end(ClosedError("gateway"))
    }

    var description: String { "\(type(of: service))" }
}
