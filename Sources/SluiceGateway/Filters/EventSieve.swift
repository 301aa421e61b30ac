import Glibc
import Sluice

/// Passes over most messages that a filter does not match without reading their JSON. What it lets through may not match.
struct EventSieve: Sendable {
    private struct Entry: Sendable {
        let kinds: Set<Event.Kind>
        /// Of each field at least one of these has to stand in the payload; no text leaves the field open.
        let texts: [[[UInt8]]]
    }

    private let entries: [Entry]

    init(_ filter: EventFilter) {
        entries = filter.entries.map { entry in
            Entry(
                kinds: entry.possibleKinds,
                texts: [entry.repository, entry.branch, entry.environment, entry.service].compactMap(Self.texts))
        }
    }

    /// The longest part of each pattern that is a text and stands in JSON as it is; nil where one has none.
    private static func texts(_ patterns: [TextPattern]?) -> [[UInt8]]? {
        guard let patterns else { return nil }
        var texts: [[UInt8]] = []
        for pattern in patterns {
            let parts = pattern.description.utf8.split(separator: UInt8(ascii: "*"))
            guard let longest = parts.max(by: { $0.count < $1.count }), longest.allSatisfy(isPlain) else { return nil }
            texts.append(Array(longest))
        }
        return texts
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte < 0x7F && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }

    /// Whether the message may be an event that the filter matches.
    func mayMatch(_ message: Message) -> Bool {
        guard !Fact.isFact(message), let type = message.metadata[Event.typeKey] else { return true }
        guard let kind = Event.Kind(rawValue: type) else { return false }
        return message.payload.withUnsafeBytes { payload in
            var isHidden: Bool?
            return entries.contains { entry in
                guard entry.kinds.contains(kind) else { return false }
                return entry.texts.allSatisfy { texts in
                    if texts.contains(where: { Self.contains(payload, $0) }) { return true }
                    let hidden = isHidden ?? Self.mayHideTexts(payload)
                    isHidden = hidden
                    return hidden
                }
            }
        }
    }

    /// Programs may write any character as `\u0061`, and `/` as `\/`.
    private static func mayHideTexts(_ payload: UnsafeRawBufferPointer) -> Bool {
        contains(payload, Array("\\u".utf8)) || contains(payload, Array("\\/".utf8))
    }

    private static func contains(_ payload: UnsafeRawBufferPointer, _ text: [UInt8]) -> Bool {
        guard let first = text.first, let base = payload.baseAddress else { return text.isEmpty }
        return text.withUnsafeBytes { text in
            guard let words = text.baseAddress else { return true }
            var start = 0
            while start + text.count <= payload.count,
                let found = memchr(base + start, Int32(first), payload.count - text.count - start + 1)
            {
                if memcmp(found, words, text.count) == 0 { return true }
                start = UnsafeRawPointer(found) - base + 1
            }
            return false
        }
    }
}
