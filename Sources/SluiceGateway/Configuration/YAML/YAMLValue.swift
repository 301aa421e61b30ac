/// A value of a YAML file and where it stands. Plain trees alone: no aliases, no tags, and keys that are texts.
struct YAMLValue: Sendable {
    /// A place in the file, from 1.
    struct Place: Sendable, Hashable {
        let line: Int
        let column: Int
        /// The file's path; nil where there is only one.
        var file: String?
    }

    enum Content: Sendable {
        /// Nothing, `~` or `null`.
        case null
        case text(String)
        case list([YAMLValue])
        case mapping([Entry])
        /// A text that could not be made out. A fault says why already: what reads it is silent.
        case unknown
    }

    struct Entry: Sendable {
        let key: String
        let place: Place
        let value: YAMLValue
    }

    let content: Content
    let place: Place
    /// The text as it stands in the file, where something in it was replaced.
    var written: String?

    /// What stands there, in a word.
    var kind: String {
        switch content {
        case .null: "nothing"
        case .text: "a text"
        case .list(let values): values.isEmpty ? "an empty list" : "a list"
        case .mapping: "a mapping"
        case .unknown: "a text"
        }
    }

    var text: String? {
        if case .text(let text) = content { text } else { nil }
    }

    /// A mapping with these of its keys.
    func only(_ names: [String]) -> YAMLValue {
        guard case .mapping(let entries) = content else { return self }
        return YAMLValue(content: .mapping(entries.filter { names.contains($0.key) }), place: place)
    }

    /// What a mapping has under this key.
    subscript(key: String) -> YAMLValue? {
        if case .mapping(let entries) = content { entries.first { $0.key == key }?.value } else { nil }
    }
}

/// Collects what is wrong with a file.
struct YAMLFaults {
    private(set) var all: [FileFault] = []

    mutating func add(_ text: String, at place: YAMLValue.Place) {
        all.append(FileFault(line: place.line, column: place.column, text: text, file: place.file))
    }

    mutating func expect(_ expected: String, at value: YAMLValue) {
        if case .unknown = value.content { return }
        if case .text = value.content { return add("expected \(expected)", at: value.place) }
        // What is wrong with a list that should be one is in it.
        if value.kind == "a list", expected.hasPrefix("a list") { return add("expected \(expected)", at: value.place) }
        add("expected \(expected), not \(value.kind)", at: value.place)
    }
}

/// A value, and where it stands.
struct Placed<Value: Sendable>: Sendable {
    let value: Value
    let place: YAMLValue.Place
}
