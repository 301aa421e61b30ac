/// What travels beside a payload: an ordered list of names and values, each name once.
///
/// ```swift
/// var metadata: Metadata = ["customer": "acme"]
/// metadata["region"] = "eu"
/// ```
///
/// A list and not a dictionary: with the few entries that messages carry, scanning costs less than hashing, and an
/// empty one allocates nothing. With many entries a dictionary finds them. Names are case-sensitive.
///
/// How many entries a message may bring along is bounded: ``MetadataLimits``.
public struct Metadata: Sendable, Hashable {
    /// A name and its value.
    public struct Entry: Sendable, Hashable {
        public let name: String
        public var value: String

        public init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// From how many entries on a name is looked up instead of searched for.
    static let indexedCount = 32

    /// One word: every message, and every copy of one, carries it.
    private enum Storage: Sendable {
        case few([Entry])
        /// With where each name is.
        indirect case many([Entry], [String: Int])
    }

    private var storage = Storage.few([])

    public init() {}

    private var entries: [Entry] {
        switch storage {
        case .few(let entries), .many(let entries, _): entries
        }
    }

    /// Room for so many entries, so that they cost one allocation.
    public mutating func reserveCapacity(_ count: Int) {
        change { entries, _ in entries.reserveCapacity(count) }
    }

    /// The value under `name`; setting nil removes the entry, setting a new name appends it.
    public subscript(name: String) -> String? {
        get {
            switch storage {
            case .few(let entries): entries.first { $0.name == name }?.value
            case .many(let entries, let places): places[name].map { entries[$0].value }
            }
        }
        set {
            if case .few(let entries) = storage, entries.isEmpty {
                if let newValue { storage = .few([Entry(name: name, value: newValue)]) }
                return
            }
            change { entries, places in
                let place = places.map { $0[name] } ?? entries.firstIndex { $0.name == name }
                if let place {
                    if let newValue {
                        entries[place].value = newValue
                    } else {
                        entries.remove(at: place)
                        // What came behind it has moved.
                        if places != nil { places = Self.index(entries) }
                    }
                } else if let newValue {
                    entries.append(Entry(name: name, value: newValue))
                    if places != nil {
                        places?[name] = entries.count - 1
                    } else if entries.count >= Self.indexedCount {
                        places = Self.index(entries)
                    }
                }
            }
        }
    }

    /// Changes the entries where they lie.
    private mutating func change(_ body: (inout [Entry], inout [String: Int]?) -> Void) {
        var entries: [Entry]
        var places: [String: Int]?
        switch storage {
        case .few(let few): entries = few
        case .many(let many, let index): (entries, places) = (many, index)
        }
        storage = .few([])
        body(&entries, &places)
        storage = places.map { .many(entries, $0) } ?? .few(entries)
    }

    /// - Returns: nil where there are few.
    private static func index(_ entries: [Entry]) -> [String: Int]? {
        guard entries.count >= indexedCount else { return nil }
        var places: [String: Int] = [:]
        places.reserveCapacity(2 * entries.count)
        for (place, entry) in entries.enumerated() { places[entry.name] = place }
        return places
    }

    /// About how many bytes an entry takes up in memory beside its content.
    package static let entryOverhead = 48

    /// About how many bytes it takes up in memory.
    package var size: Int {
        var size = 0
        for entry in entries { size += Self.entryOverhead + entry.name.utf8.count + entry.value.utf8.count }
        return size
    }

    /// Sets every entry of `other`, whose values win.
    public mutating func merge(_ other: Metadata) {
        for entry in other { self[entry.name] = entry.value }
    }
}

extension Metadata {
    // What finds the entries says nothing of what they are.
    public static func == (first: Metadata, second: Metadata) -> Bool { first.entries == second.entries }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(entries)
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
