/// Where a ``RouterTime`` that is not the machine's comes from.
package protocol TimeSource: AnyObject, Sendable {
    var now: MonotonicTime { get }
    var timestamp: Timestamp { get }

    func after(_ duration: Duration, _ body: @escaping @Sendable () -> Void)

    /// - Throws: `CancellationError` when the task is cancelled first.
    func sleep(until deadline: MonotonicTime) async throws

    func randomBits() -> UInt64

    var executor: any TaskExecutor { get }
}
