/// What travels beside a payload: an ordered list of names and values, each name once.
///
/// A list and not a dictionary: with the few entries that messages carry, scanning costs less than hashing, and an
/// empty one allocates nothing. With many entries a dictionary finds them. Names are case-sensitive.
///
/// How many entries a message may bring along is bounded: ``MetadataLimits``.
public struct Metadata: Sendable, Hashable {
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

    private var entries: [Entry]
    /// Where each name is; nil while there are few.
    private var places: [String: Int]?

    public init() {
        entries = []
    }

    /// Room for so many entries, so that they cost one allocation.
    public mutating func reserveCapacity(_ count: Int) {
        entries.reserveCapacity(count)
    }

    /// The value under `name`; setting nil removes the entry, setting a new name appends it.
    public subscript(name: String) -> String? {
        get { place(of: name).map { entries[$0].value } }
        set {
            if let place = place(of: name) {
                if let newValue { entries[place].value = newValue } else { remove(at: place) }
            } else if let newValue {
                append(Entry(name: name, value: newValue))
            }
        }
    }

    private func place(of name: String) -> Int? {
        if let places { return places[name] }
        return entries.firstIndex { $0.name == name }
    }

    private mutating func append(_ entry: Entry) {
        entries.append(entry)
        if places != nil {
            places?[entry.name] = entries.count - 1
        } else if entries.count >= Self.indexedCount {
            index()
        }
    }

    private mutating func remove(at place: Int) {
        entries.remove(at: place)
        // What came behind it has moved.
        if places != nil { index() }
    }

    private mutating func index() {
        guard entries.count >= Self.indexedCount else {
            places = nil
            return
        }
        var places: [String: Int] = [:]
        places.reserveCapacity(2 * entries.count)
        for (place, entry) in entries.enumerated() { places[entry.name] = place }
        self.places = places
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
