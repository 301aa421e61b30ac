import Sluice
import SluiceSQLite

/// What commands read of Kafka's poison queue.
extension KafkaRedriveStore {
    /// A part of the messages, as JSON objects, and where the next part begins; nil where there is none.
    struct Page {
        var lines: [[UInt8]] = []
        var next: RedrivePlace?
    }

    /// How much one answer has.
    private static let pageBytes = 4 << 20

    /// The messages by their causes.
    func groups(_ filter: PoisonFilter) async throws -> [PoisonGroup] {
        PoisonGroup.grouped(
            try await poisoned().filter(filter.matches), absence == nil ? try await records() : [], try await notes())
    }

    func page(_ filter: PoisonFilter, from start: RedrivePlace?) async throws -> Page {
        var page = Page()
        var bytes = 0
        try await readPoison(from: start) { message, logged in
            guard bytes < Self.pageBytes else {
                page.next = message.location
                return false
            }
            guard filter.matches(message) else { return true }
            var line = MessageFormat.json.encode(
                logged.message,
                Delivery.Origin(
                    partition: message.partition, offset: logged.offset, timestamp: logged.timestamp, key: logged.key),
                topic: poison)
            line.removeLast()
            bytes += line.count
            page.lines.append(line)
            return true
        }
        return page
    }
}

extension RedrivePlace {
    /// Reads what ``description`` wrote.
    init?(_ text: String) {
        let words = text.split(separator: ":")
        guard words.count == 2, let partition = Int32(words[0]), let offset = Int64(words[1]) else { return nil }
        self.init(partition: partition, offset: offset)
    }
}
