public import Sluice

/// `sluice publish`: gives each line that it reads to a broker.
public struct PublishTool: Sendable {
    public var format: MessageFormat = .lines
    /// Put on every message, before its own.
    public var metadata: Metadata = [:]
    /// How many messages are published at once at most.
    public var batch = 1_000

    public init() {}

    /// Publishes until the input ends.
    /// - Parameter read: the next bytes of the input as soon as there are any; empty at its end.
    /// - Returns: how many messages the broker took.
    /// - Throws: an error that names the line at fault; what stands before it has been published.
    public func run(
        to publisher: any Publisher, _ topic: Topic, read: @escaping () throws -> [UInt8]
    ) async throws -> Int {
        var lines = LineReader(read)
        var number = 0
        var published = 0
        while let batch = try lines.next() {
            var messages: [Message] = []
            for line in batch {
                number += 1
                // A line with nothing in it is the end of a file, not a message, unless lines are payloads.
                if format == .json, line.allSatisfy({ $0 == 0x20 || $0 == 0x09 }) { continue }
                do {
                    messages.append(try message(of: line))
                } catch {
                    try await publish(messages, to: publisher, topic)
                    throw ToolError("line \(number): \(error)")
                }
            }
            try await publish(messages, to: publisher, topic)
            published += messages.count
        }
        return published
    }

    private func message(of line: [UInt8]) throws(MessageFormatError) -> Message {
        var message = try format.decode(line)
        guard !metadata.isEmpty else { return message }
        var all = metadata
        all.merge(message.metadata)
        message.metadata = all
        return message
    }

    private func publish(_ messages: [Message], to publisher: any Publisher, _ topic: Topic) async throws {
        var rest = messages[...]
        while !rest.isEmpty {
            try await publisher.publish(Array(rest.prefix(batch)), to: topic)
            rest = rest.dropFirst(batch)
        }
    }
}
