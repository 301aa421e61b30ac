import SluiceTesting
import Synchronization
import Testing

@testable import Sluice

@Suite struct CrewTests {
    /// Runs a crew beside `body`, to the end of both.
    /// - Returns: how many workers have begun.
    private func begun(of crew: Crew, during body: (_ begun: () -> Int) async throws -> Void) async throws -> Int {
        let (begun, isOver) = (Counter(), Counter())
        async let running: Void = withThrowingDiscardingTaskGroup { group in
            await crew.run(in: &group) {
                begun.count.add(1, ordering: .relaxed)
                while isOver.count.load(ordering: .relaxed) == 0 { try await Task.sleep(for: .milliseconds(1)) }
            }
        }
        try await body { begun.count.load(ordering: .relaxed) }
        isOver.count.add(1, ordering: .relaxed)
        try await running
        return begun.count.load(ordering: .relaxed)
    }

    private final class Counter: Sendable {
        let count = Atomic<Int>(0)
    }

    @Test func anotherWorkerBeginsWhenAllAreBusyAndNoEarlier() async throws {
        let crew = Crew(limit: 8)
        let count = try await begun(of: crew) { begun in
            try await eventually { begun() == 1 }
            crew.noteBusy()
            try await eventually { begun() == 2 }
            // One of the two is idle all the time.
            crew.noteIdle()
            crew.noteBusy()
            crew.noteBusy()
            try await eventually { begun() == 3 }
        }
        #expect(count == 3)
    }

    @Test func noMoreBeginThanTheLimitAllows() async throws {
        let crew = Crew(limit: 2)
        let count = try await begun(of: crew) { begun in
            try await eventually { begun() == 1 }
            for _ in 0..<10 { crew.noteBusy() }
            try await eventually { begun() == 2 }
        }
        #expect(count == 2)
    }
}
