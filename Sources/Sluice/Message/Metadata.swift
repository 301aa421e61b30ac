/// What travels beside a payload: an ordered list of names and values, each name once.
///
/// A list and not a dictionary: with the few entries that messages carry, scanning costs less than hashing, and an
/// empty one allocates nothing. Names are case-sensitive.
public struct Metadata: Sendable, Hashable {
    public struct Entry: Sendable, Hashable {
        public let name: String
        public var value: String

        public init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    private var entries: [Entry]

    public init() {
        entries = []
    }

    /// Room for so many entries, so that they cost one allocation.
    public mutating func reserveCapacity(_ count: Int) {
        entries.reserveCapacity(count)
    }

    /// The value under `name`; setting nil removes the entry, setting a new name appends it.
    public subscript(name: String) -> String? {
        get {
            for entry in entries where entry.name == name { return entry.value }
            return nil
        }
        set {
            if let index = entries.firstIndex(where: { $0.name == name }) {
                if let newValue { entries[index].value = newValue } else { entries.remove(at: index) }
            } else if let newValue {
                entries.append(Entry(name: name, value: newValue))
            }
        }
    }

    /// Sets every entry of `other`, whose values win.
    public mutating func merge(_ other: Metadata) {
        for entry in other { self[entry.name] = entry.value }
    }
}

extension Metadata: RandomAccessCollection {
    public var startIndex: Int { entries.startIndex }
    public var endIndex: Int { entries.endIndex }
    public subscript(position: Int) -> Entry { entries[position] }
}

extension Metadata: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, String)...) {
        self.init()
        for (name, value) in elements { self[name] = value }
    }
}
