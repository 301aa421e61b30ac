public import Sluice
import Synchronization

/// Takes every message and remembers it.
///
/// ```swift
/// let published = RecordingPublisher()
/// try router.add(Route("double", from: broker.subscriber(), "numbers", to: published, "doubled", handler: double))
/// #expect(published.messages(to: "doubled").map(\.text) == ["14"])
/// ```
public final class RecordingPublisher: Publisher {
    /// A message, and where it was published.
    public struct Record: Sendable {
        public let message: Message
        public let topic: Topic
        /// Counts the calls of `publish` from 0: messages of one call share it.
        public let call: Int
    }

    public let name: String

    private struct State {
        var records: [Record] = []
        var calls = 0
        var isClosed = false
    }

    private let state = Mutex(State())

    /// It fits every router.
    public var time: RouterTime? { nil }

    /// - Parameter name: for the label `publisher_name`.
    public init(name: String = "recording") {
        self.name = name
    }

    /// Everything that was published, in order.
    public var records: [Record] { state.withLock(\.records) }

    /// The messages that were published to `topic`, in order.
    public func messages(to topic: Topic) -> [Message] {
        records.filter { $0.topic == topic }.map(\.message)
    }

    /// How often `publish` was called and succeeded.
    public var calls: Int { state.withLock(\.calls) }

    public var isClosed: Bool { state.withLock(\.isClosed) }

    /// Waits until at least `count` messages were published.
    ///
    /// ```swift
    /// let records = try await invoices.waitForRecords(3)
    /// ```
    /// - Parameters:
    ///   - count: at least 1.
    ///   - file: where the call stands, for the error.
    ///   - line: the same.
    ///   - time: what the wait goes by. Default: the machine's.
    ///   - limit: how long at most. Default: 30 s, in virtual time an hour.
    /// - Returns: all there are then, in order.
    /// - Throws: ``NotInTime``; `CancellationError` when the task is cancelled.
    @discardableResult
    public func waitForRecords(
        _ count: Int, in time: RouterTime = .real, within limit: Duration? = nil, file: StaticString = #fileID,
        line: UInt = #line
    ) async throws -> [Record] {
        try await time.eventually(
            "\(count) records of the publisher `\(name)`, of which \(records.count) came", within: limit, file: file,
            line: line
        ) { state.withLock(\.records.count) >= count }
        return records
    }

    public func publish(_ messages: [Message], to topic: Topic) async throws {
        let isClosed = state.withLock { state in
            guard !state.isClosed else { return true }
            state.records += messages.map { Record(message: $0, topic: topic, call: state.calls) }
            state.calls += 1
            return false
        }
        if isClosed { throw ClosedError("\(name) publisher") }
    }

    public func close() async {
        state.withLock { $0.isClosed = true }
    }
}
