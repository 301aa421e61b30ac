import Synchronization

/// The workers of one route: another begins when all that have begun are busy, up to the limit.
///
/// A worker takes some kilobytes, also while it waits: hundreds of them would be megabytes for a route that is idle.
final class Crew: Sendable {
    private let limit: Int
    /// How many have nothing in hand.
    private let idle = Atomic<Int>(0)
    /// Whether another may begin.
    private let mayGrow: Atomic<Bool>
    private let requests = AsyncStream<Void>.makeStream()

    init(limit: Int) {
        self.limit = limit
        mayGrow = Atomic(limit > 1)
    }

    /// Begins workers as they are needed, until ``finish()``.
    func run(
        in group: inout ThrowingDiscardingTaskGroup<any Error>, _ work: @escaping @Sendable () async throws -> Void
    ) async {
        begin(in: &group, work)
        var count = 1
        for await _ in requests.stream {
            begin(in: &group, work)
            count += 1
            guard count < limit else { break }
        }
        mayGrow.store(false, ordering: .relaxed)
    }

    private func begin(
        in group: inout ThrowingDiscardingTaskGroup<any Error>, _ work: @escaping @Sendable () async throws -> Void
    ) {
        idle.add(1, ordering: .relaxed)
        // Each runs for as long as the route does.
        group.addTask { [self] in
            // The first to end has seen the end of the route.
            defer { finish() }
            try await work()
        }
    }

    /// A worker has something in hand.
    @inline(__always)
    func noteBusy() {
        guard mayGrow.load(ordering: .relaxed), idle.subtract(1, ordering: .acquiringAndReleasing).newValue <= 0 else {
            return
        }
        requests.continuation.yield()
    }

    /// A worker looks for something to do.
    @inline(__always)
    func noteIdle() {
        guard mayGrow.load(ordering: .relaxed) else { return }
        idle.add(1, ordering: .acquiringAndReleasing)
    }

    /// No more workers begin.
    func finish() {
        mayGrow.store(false, ordering: .relaxed)
        requests.continuation.finish()
    }
}
