import Sluice

/// A filter that cannot be read from the words of a command.
public struct EventFilterError: Error, CustomStringConvertible {
    public let description: String
}

extension EventFilter {
    /// What `--only event=commitPushed,repository=acme/web-*` says: keys with `=` and a value, with commas between them; several
    /// values of one key are separated by `|`. Each word is an entry.
    /// - Throws: what is expected instead.
    public init(words: [String]) throws(EventFilterError) {
        var entries: [Entry] = []
        for word in words { entries.append(try Self.entry(word)) }
        self.init(entries)
        guard matchesSomething else {
            throw EventFilterError(description: "expected a filter that an event can match")
        }
    }

    private static func entry(_ word: String) throws(EventFilterError) -> Entry {
        var entry = Entry()
        for part in word.split(separator: ",") {
            let sides = part.split(separator: "=", maxSplits: 1)
            let values = sides.count == 2 ? sides[1].split(separator: "|").map(String.init) : []
            guard !values.isEmpty, values.allSatisfy({ $0.utf8.count <= 255 }) else {
                throw EventFilterError(
                    description: "expected key=value with commas between them, such as event=commitPushed,branch=main")
            }
            let patterns = values.map { TextPattern($0) }
            switch sides[0] {
            case "event":
                let kinds = values.compactMap { Event.Kind(rawValue: $0) }
                guard kinds.count == values.count else {
                    let words = Event.Kind.allCases.map(\.rawValue).joined(last: "or")
                    throw EventFilterError(description: "event: expected \(words)")
                }
                entry.event = Set(kinds)
            case "repository": entry.repository = patterns
            case "branch": entry.branch = patterns
            case "environment": entry.environment = patterns
            case "service": entry.service = patterns
            default:
                throw EventFilterError(
                    description: "expected one of the keys event, repository, branch, environment and service")
            }
        }
        return entry
    }
}
