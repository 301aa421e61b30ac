public import Sluice
import Synchronization

/// `sluice publish`: gives each line that it reads to a broker.
public struct PublishTool: Sendable {
    /// How many messages the broker has taken so far, also when publishing ends with an error.
    public final class Taken: Sendable {
        private let number = Atomic<Int>(0)

        public var count: Int { number.load(ordering: .relaxed) }

        fileprivate func add(_ count: Int) { number.wrappingAdd(count, ordering: .relaxed) }
    }

    public var format: MessageFormat = .lines
    /// Put on every message, before its own.
    public var metadata: Metadata = [:]
    /// How many messages are published at once at most.
    public var batch = 1_000
    public let taken = Taken()
    /// Shows how many messages the broker has taken. Default nil: nothing does.
    public var progress: ProgressBar?
    /// How much of the input has been read, from 0 to 1; nil where that is not known.
    public var shareRead: @Sendable () -> Double? = { nil }

    public init() {}

    /// Publishes until the input ends.
    /// - Parameters:
    ///   - publisher: what takes the lines.
    ///   - topic: where they go.
    ///   - read: the next bytes of the input as soon as there are any; empty at its end.
    /// - Returns: how many messages the broker took.
    /// - Throws: an error that names the line at fault; what stands before it has been published.
    public func run(
        to publisher: any Publisher, _ topic: Topic, read: @escaping () throws -> [UInt8]
    ) async throws -> Int {
        var lines = LineReader(read)
        var number = 0
        var published = 0
        while let batch = try lines.next() {
            var messages: [CarriedMessage] = []
            for line in batch {
                number += 1
                // A line with nothing in it is the end of a file, not a message, unless lines are payloads.
                if format == .json, line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { continue }
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

    private func message(of line: [UInt8]) throws(MessageFormatError) -> CarriedMessage {
        var carried = try format.decodeCarried(line)
        guard !metadata.isEmpty else { return carried }
        var all = metadata
        all.merge(carried.message.metadata)
        carried.message.metadata = all
        return carried
    }

    private func publish(_ messages: [CarriedMessage], to publisher: any Publisher, _ topic: Topic) async throws {
        var rest = messages[...]
        while !rest.isEmpty {
            let piece = Self.piece(of: rest, limit: batch)
            do {
                if let carrier = publisher as? CarryingPublisher {
                    try await carrier.publish(piece, to: topic)
                } else {
                    try await publisher.publish(piece.map(\.message), to: topic)
                }
                taken.add(piece.count)
                progress?.update(Int64(taken.count), share: shareRead())
            } catch let error as PublishError {
                taken.add(max(0, piece.count - error.notAccepted.count))
                throw error
            }
            rest = rest.dropFirst(piece.count)
        }
    }

    /// The first messages, none of which has the id of another: by its id an adapter finds what belongs to a message.
    private static func piece(of messages: ArraySlice<CarriedMessage>, limit: Int) -> [CarriedMessage] {
        var seen: Set<MessageID> = []
        return Array(messages.prefix(limit).prefix { seen.insert($0.message.id).inserted })
    }
}
