public import Sluice
import SluiceSQLite

/// `sluice log export`: a topic of the embedded log as lines of JSON, of which ``LogImportTool`` makes the same messages again.
public struct LogExportTool: Sendable {
    private let view: SQLiteLogView
    private let topic: Topic
    /// Only what is not older, and only what is older.
    public var since: Timestamp?
    public var until: Timestamp?
    /// Which events; nil for every message.
    public var only: EventFilter?

    /// - Parameters:
    ///   - location: where the log is.
    ///   - topic: nil for the events.
    /// - Throws: ``ToolError`` where the log is not the embedded one.
    public init(_ location: LogLocation, topic: Topic?) throws(ToolError) {
        view = SQLiteLogView(path: try location.file(for: "export"))
        self.topic = topic ?? Topic(location.events)
    }

    /// Hands over the messages that are there when it begins, many lines at once, in order.
    /// - Returns: how many messages that were.
    /// - Throws: `SQLiteLogError`; ``ToolError``, also when the task is cancelled; what `write` throws.
    public func run(showing bar: ProgressBar? = nil, write: ([UInt8]) throws -> Void) throws -> Int {
        guard let last = try view.lastOffset(in: topic) else {
            throw ToolError("the log \(view.path) has no topic \(topic)")
        }
        guard let offsets = try offsets(through: last) else { return 0 }
        let total = offsets.upperBound.subtractingSaturated(offsets.lowerBound).addingSaturated(1)
        var (count, after) = (0, offsets.lowerBound - 1)
        while after < offsets.upperBound {
            if Task.isCancelled { throw ToolError("ended before everything was exported") }
            let piece = try view.messages(in: topic, after: after)
            guard let end = piece.last?.offset else { break }
            let wanted = piece.filter { $0.offset <= offsets.upperBound && isWanted($0.message) }
            if !wanted.isEmpty {
                try write(wanted.flatMap { MessageFormat.json.encode($0.message, $0.origin, topic: topic) })
            }
            count += wanted.count
            after = end
            bar?.update(min(total, after.subtractingSaturated(offsets.lowerBound).addingSaturated(1)), of: total)
        }
        return count
    }

    private func offsets(through last: Int64) throws -> ClosedRange<Int64>? {
        var (first, end) = (try view.messages(in: topic, limit: 1).first?.offset ?? 1, last)
        if let since {
            guard let found = try view.offset(of: since, in: topic) else { return nil }
            first = max(first, found)
        }
        if let until, let found = try view.offset(of: until, in: topic) { end = min(end, found - 1) }
        return first <= end ? first...end : nil
    }

    private func isWanted(_ message: Message) -> Bool {
        guard let only else { return true }
        return (try? Event(message)).map(only.matches) ?? false
    }
}
