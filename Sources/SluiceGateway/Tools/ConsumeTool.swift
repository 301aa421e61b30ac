import Sluice

/// `sluice consume`: writes each message that it gets as a line.
public struct ConsumeTool: Sendable {
    public var format: MessageFormat = .lines
    /// How a message is written; nothing leaves it out, and out of the count. Default nil: as ``format`` says.
    var line: (@Sendable (ConsumedMessage) -> [UInt8]?)?
    /// Ends after so many messages; nil goes on.
    public var count: Int?
    /// Ends when nothing has come for so long while something could have; nil waits.
    public var idle: Duration?
    /// With `idle`: how long the source may keep from reading, unconnected or without a place in its group. Default
    /// 30 s.
    public var patience: Duration = .seconds(30)
    /// Shows how many messages were written. Default nil: nothing does.
    public var progress: ProgressBar?

    public init() {}

    /// Writes until it has enough, the source ends, or the task is cancelled. A message is acknowledged when it has been
    /// written.
    /// - Returns: how many messages were written.
    public func run(
        from source: any MessageSource, write: @escaping @Sendable ([UInt8]) throws -> Void
    ) async throws -> Int {
        try await withThrowingTaskGroup(of: Int?.self) { group in
            group.addTask {
                try await source.serve()
                return nil
            }
            group.addTask { try await copy(from: source, write: write) }
            defer { group.cancelAll() }
            while let written = try await group.next() {
                if let written { return written }
            }
            return 0
        }
    }

    private func copy(
        from source: any MessageSource, write: @escaping @Sendable ([UInt8]) throws -> Void
    ) async throws -> Int {
        var written = 0
        while count.map({ written < $0 }) ?? true, !Task.isCancelled {
            let limit = min(256, count.map { $0 - written } ?? 256)
            guard let batch = try await next(limit, of: source) else { break }
            for message in batch {
                if let bytes = bytes(of: message, in: source.topic) {
                    try write(bytes)
                    written += 1
                }
                message.delivery?.acknowledge()
            }
            progress?.update(Int64(written))
        }
        return written
    }

    private func bytes(of message: ConsumedMessage, in topic: Topic) -> [UInt8]? {
        guard let line else { return format.encode(message.carried, message.origin, topic: topic) }
        return line(message)
    }

    /// The next messages; nil when nothing has come for `idle`.
    func next(_ limit: Int, of source: any MessageSource) async throws -> [ConsumedMessage]? {
        guard let idle else { return try await source.next(limit) }
        return try await withThrowingTaskGroup(of: [ConsumedMessage]?.self) { group in
            group.addTask { try await source.next(limit) }
            group.addTask {
                try await silence(of: source, idle)
                return nil
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
    }

    /// Returns when the source could have given something for a whole `idle`, or when the task is cancelled.
    /// - Throws: ``ToolError`` when it cannot for longer than `patience`.
    private func silence(of source: any MessageSource, _ idle: Duration) async throws {
        let limit = ContinuousClock.now + patience
        while !Task.isCancelled {
            let couldRead = source.obstacle == nil
            try? await Task.sleep(for: idle)
            guard let obstacle = source.obstacle else {
                if couldRead { return }
                continue
            }
            if ContinuousClock.now >= limit { throw ToolError("nothing can be read: \(obstacle)") }
            // Not in a hot loop, however short the time is.
            try? await Task.sleep(for: .milliseconds(100))
        }
    }
}
