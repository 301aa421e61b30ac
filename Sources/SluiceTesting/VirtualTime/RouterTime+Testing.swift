public import Sluice

extension RouterTime {
    /// Makes a task that is no child of another and runs in this time: in a virtual one, a task made with `Task { }` would
    /// run outside of it.
    @discardableResult
    public func task<Value: Sendable>(
        _ operation: @escaping @Sendable () async throws -> Value
    ) -> Task<Value, any Error> {
        Task(executorPreference: executor, operation: operation)
    }

    /// Waits until `condition` holds. In virtual time it looks whenever nothing else can run, before time moves on, and so
    /// returns at the moment from which it holds; in the machine's time it looks every millisecond.
    /// - Parameters:
    ///   - expected: what is waited for, for the error; evaluated then.
    ///   - limit: how long at most. Default: an hour of virtual time, 120 s of the machine's.
    ///   - file: where the call stands, for the error.
    ///   - line: the same.
    ///   - condition: asked again until it holds.
    /// - Throws: ``NotInTime``, in virtual time also when nothing can happen any more; what `condition` throws;
    ///   `CancellationError` when the task is cancelled.
    public func eventually(
        _ expected: @autoclosure () -> String = "the condition", within limit: Duration? = nil,
        file: StaticString = #fileID, line: UInt = #line, _ condition: () throws -> Bool
    ) async throws {
        let limit = limit ?? (isVirtual ? .seconds(3_600) : .seconds(120))
        guard let executor = source as? VirtualExecutor else {
            return try await SluiceTesting.eventually(expected(), within: limit, file: file, line: line, condition)
        }
        let id = executor.makeID()
        let end = now.advanced(by: limit)
        while try !condition() {
            let isLate = now >= end
            if !isLate, (try? await executor.look(id)) != nil { continue }
            try Task.checkCancellation()
            throw NotInTime(expected: expected(), limit: limit, location: "\(file):\(line)")
        }
    }
}
