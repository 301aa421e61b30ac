import Synchronization

/// Counts up, from any task.
final class Counter: Sendable {
    private let count = Atomic<Int>(0)

    var value: Int { count.load(ordering: .relaxed) }

    func add(_ number: Int = 1) {
        count.wrappingAdd(number, ordering: .relaxed)
    }
}

/// Keeps what it is given, from any task.
final class Collected<Value: Sendable>: Sendable {
    private let state = Mutex<[Value]>([])

    var values: [Value] { state.withLock { $0 } }
    var count: Int { state.withLock(\.count) }

    func add(_ value: Value) {
        state.withLock { $0.append(value) }
    }
}
