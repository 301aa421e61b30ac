import Sluice
import SluiceTesting
import Synchronization
import Testing

struct WaitListTests {
    /// A line that is let in one by one, or not at all.
    private final class Line: Sendable {
        struct State {
            var isOpen = false
            var waiting = WaitList<Int>()
            /// The numbers that take them out.
            var ids: [UInt64] = []
        }

        let state = Mutex(State())

        var count: Int { state.withLock(\.waiting.count) }

        func wait() async -> Int {
            await state.wait(in: \.waiting, onCancel: -1) { $0.isOpen ? 0 : nil
            } whenWaiting: { id in
                state.withLock { $0.ids.append(id) }
            }
        }

        func pop() -> WaitList<Int>.Waiter? { state.withLock { $0.waiting.popFirst() } }

        /// Tasks that wait, each behind the one before.
        func tasks(_ count: Int) async throws -> [Task<Int, Never>] {
            var tasks: [Task<Int, Never>] = []
            for number in 1...count {
                tasks.append(Task { await self.wait() })
                try await eventually { self.state.withLock(\.ids.count) == number }
            }
            return tasks
        }
    }

    @Test func wakesTheLongestWaitingFirst() async throws {
        let line = Line()
        let tasks = try await line.tasks(3)
        for number in 1...3 { line.pop()?.resume(returning: number) }
        for (number, task) in zip(1..., tasks) { #expect(await task.value == number) }
        #expect(line.pop() == nil && line.count == 0)
    }

    @Test func returnsAtOnceWhatIsKnownAlready() async {
        let line = Line()
        line.state.withLock { $0.isOpen = true }
        #expect(await line.wait() == 0)
        #expect(line.count == 0)
    }

    @Test func aTaskThatIsCancelledBeforeDoesNotWait() async throws {
        let line = Line()
        let mayWait = Gate()
        let task = Task {
            try? await mayWait.wait()
            return await line.wait()
        }
        task.cancel()
        mayWait.open()
        #expect(await task.value == -1)
        #expect(line.count == 0 && line.state.withLock(\.ids).isEmpty)
    }

    @Test func aTaskThatIsCancelledMeanwhileLeavesTheOthersInTheirOrder() async throws {
        let line = Line()
        let tasks = try await line.tasks(4)
        for index in [1, 0] {
            tasks[index].cancel()
            #expect(await tasks[index].value == -1)
        }
        #expect(line.count == 2)
        line.pop()?.resume(returning: 3)
        line.pop()?.resume(returning: 4)
        #expect(await tasks[2].value == 3)
        #expect(await tasks[3].value == 4)
    }

    /// It was taken out, and is not resumed yet.
    @Test func aCancellationDuringTheResumptionChangesNothing() async throws {
        let line = Line()
        let tasks = try await line.tasks(1)
        let waiter = line.pop()
        tasks[0].cancel()
        waiter?.resume(returning: 7)
        #expect(await tasks[0].value == 7)
        #expect(line.count == 0)
    }

    @Test func aCancellationAfterTheResumptionChangesNothing() async throws {
        let line = Line()
        let tasks = try await line.tasks(1)
        line.pop()?.resume(returning: 7)
        #expect(await tasks[0].value == 7)
        tasks[0].cancel()
        #expect(line.count == 0)
    }

    @Test func oneIsTakenOutByItsNumberOnce() async throws {
        let line = Line()
        let tasks = try await line.tasks(3)
        let second = line.state.withLock { $0.ids[1] }
        let taken = line.state.withLock { ($0.waiting.remove(second), $0.waiting.remove(second)) }
        #expect(taken.0 != nil && taken.1 == nil)
        taken.0?.resume(returning: 2)
        #expect(await tasks[1].value == 2)
        for waiter in line.state.withLock({ $0.waiting.removeAll() }) { waiter.resume(returning: 9) }
        #expect(await tasks[0].value == 9)
        #expect(await tasks[2].value == 9)
    }

    /// Cancelled and let in at the same time, in any order: each returns once, and nothing stays behind.
    @Test func losesNoneOfManyThatAreCancelledAndWoken() async throws {
        let line = Line()
        let tasks = (0..<500).map { _ in Task { await line.wait() } }
        async let cancelled: Void = { for task in tasks.enumerated() where task.offset % 3 == 0 { task.element.cancel() } }()
        async let woken: Void = {
            for _ in 0..<100 {
                line.pop()?.resume(returning: 1)
                await Task.yield()
            }
        }()
        _ = await (cancelled, woken)
        let rest = line.state.withLock { state in
            state.isOpen = true
            return state.waiting.removeAll()
        }
        for waiter in rest { waiter.resume(returning: 0) }
        var outcomes: [Int: Int] = [:]
        for task in tasks { outcomes[await task.value, default: 0] += 1 }
        #expect(outcomes.values.reduce(0, +) == 500 && outcomes[-1, default: 0] <= 167)
        #expect(line.count == 0)
    }

    @Test func whatIsToBeWaitedForThroughIsNotEndedByACancellation() async throws {
        let done = Completion()
        let gate = Gate()
        let task = Task {
            try? await gate.wait()
            await done.wait()
            return Task.isCancelled
        }
        task.cancel()
        gate.open()
        done.occur()
        #expect(await task.value)
        await done.wait()
    }
}

struct SeatsTests {
    private final class Room: Sendable {
        let inside = Atomic<Int>(0)
        let most = Atomic<Int>(0)
    }

    @Test func letsInAsManyAsThereAreSeats() async throws {
        let seats = Seats(2)
        let room = Room()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<50 {
                group.addTask {
                    try await seats.take()
                    let inside = room.inside.wrappingAdd(1, ordering: .relaxed).newValue
                    _ = room.most.max(inside, ordering: .relaxed)
                    await Task.yield()
                    room.inside.wrappingSubtract(1, ordering: .relaxed)
                    seats.giveBack()
                }
            }
            try await group.waitForAll()
        }
        #expect(room.most.load(ordering: .relaxed) <= 2)
    }

    @Test func aWaitForTheTurnCanBeCancelled() async throws {
        let seats = Seats(1)
        try await seats.take()
        let waiting = Task { try await seats.take() }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        let next = Task { try await seats.take() }
        seats.giveBack()
        try await next.value
        seats.giveBack()
        try await seats.take()
    }
}
