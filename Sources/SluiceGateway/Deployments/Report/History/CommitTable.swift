import Sluice

/// Every commit that was heard of, once for each repository, by a number that begins at 0.
struct CommitTable {
    /// What a commit's title says of it.
    struct Marks: OptionSet {
        let rawValue: UInt8
        /// `Revert "…"`, or it names a hotfix.
        static let repairs = Marks(rawValue: 1)
        /// It joins two lines.
        static let merges = Marks(rawValue: 2)
    }

    /// What pushes say of a commit that a branch came to: why a chain of pushes ends there.
    struct Ends: OptionSet {
        let rawValue: UInt8
        static let forced = Ends(rawValue: 1)
        static let created = Ends(rawValue: 2)
        static let unlinked = Ends(rawValue: 4)
        static let incomplete = Ends(rawValue: 8)
        /// A push lists it.
        static let listed = Ends(rawValue: 16)
    }

    /// What a push says of a commit.
    struct Saying {
        let author: String
        /// In milliseconds; nil where that is not believed.
        let madeAt: Int64?
        let title: UnsafeBufferPointer<UInt8>
    }

    private struct Entry {
        var a: UInt64
        var b: UInt64
        var c: UInt32
        /// How many digits, at most 40; or 64 and the place in `tails`.
        var tail: UInt32
        var repository: UInt32
        var author: UInt32 = .max
        var madeAt: Int64 = .max
        var pushedAt: Int64 = .max
        var title: UInt32 = 0
        var titleCount: UInt8 = 0
        var marks: Marks = []
        var ends: Ends = []
    }

    private var entries = ChunkedArray<Entry>()
    /// What goes beyond 40 digits.
    private var tails: [(c: UInt64, d: UInt64, count: Int)] = []
    private var titles = TitleArena()
    private(set) var authors = NameTable()
    /// Open addressing; 0 is empty, else an entry's number and 1.
    private var slots = [UInt32](repeating: 0, count: 1_024)
    /// Chosen commits cannot be made to meet in one slot.
    private let seed = UInt64.random(in: .min ... .max)

    /// Whether titles are kept: most are never shown, and they take a quarter of the room.
    let keepsTitles: Bool

    init(keepsTitles: Bool = true) {
        self.keepsTitles = keepsTitles
    }

    var count: Int { entries.count }

    // MARK: Finding

    mutating func id(of hash: CommitHash, in repository: UInt32) -> UInt32 {
        let slot = slot(of: hash, repository)
        if slots[slot] != 0 { return slots[slot] - 1 }
        let id = UInt32(entries.count)
        var tail = UInt32(hash.count)
        if hash.count > CommitHash.whole {
            tail = 64 + UInt32(tails.count)
            tails.append((hash.c, hash.d, hash.count))
        }
        entries.append(
            Entry(a: hash.a, b: hash.b, c: UInt32(truncatingIfNeeded: hash.c >> 32), tail: tail, repository: repository)
        )
        slots[slot] = id + 1
        if entries.count * 10 > slots.count * 7 { grow() }
        return id
    }

    func find(_ hash: CommitHash, in repository: UInt32) -> UInt32? {
        let found = slots[slot(of: hash, repository)]
        return found == 0 ? nil : found - 1
    }

    /// The slot that holds the commit, or the empty one where it belongs.
    private func slot(of hash: CommitHash, _ repository: UInt32) -> Int {
        let (c, mask) = (UInt32(truncatingIfNeeded: hash.c >> 32), slots.count - 1)
        var slot = start(hash.a, hash.b, c, repository) & mask
        while slots[slot] != 0 {
            let entry = entries[Int(slots[slot] - 1)]
            if entry.a == hash.a, entry.b == hash.b, entry.c == c, entry.repository == repository,
                hasTail(entry.tail, of: hash)
            {
                return slot
            }
            slot = (slot + 1) & mask
        }
        return slot
    }

    private func hasTail(_ tail: UInt32, of hash: CommitHash) -> Bool {
        guard tail >= 64 else { return Int(tail) == hash.count }
        let tail = tails[Int(tail - 64)]
        return tail.c == hash.c && tail.d == hash.d && tail.count == hash.count
    }

    private func start(_ a: UInt64, _ b: UInt64, _ c: UInt32, _ repository: UInt32) -> Int {
        var mixed = (a ^ seed) &* 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ mixed >> 32 ^ b) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 29 ^ UInt64(c) << 32 ^ UInt64(repository)) &* 0x94D0_49BB_1331_11EB
        return Int(truncatingIfNeeded: mixed >> 20)
    }

    private mutating func grow() {
        slots = [UInt32](repeating: 0, count: slots.count * 2)
        let mask = slots.count - 1
        for id in 0..<entries.count {
            let entry = entries[id]
            var slot = start(entry.a, entry.b, entry.c, entry.repository) & mask
            while slots[slot] != 0 { slot = (slot + 1) & mask }
            slots[slot] = UInt32(id) + 1
        }
    }

    // MARK: Telling

    /// A push at `time` lists the commit. Of what pushes say of one commit the first one's word counts.
    /// - Returns: what this push's title says.
    mutating func list(_ id: UInt32, _ said: Saying, at time: Int64) -> Marks {
        let index = Int(id)
        let entry = entries[index]
        let marks = TitleText.marks(of: said.title)
        let isFirst = time < entry.pushedAt
        Self.note(&entries[index], said.madeAt, time)
        guard keepsTitles else {
            if isFirst || time == entry.pushedAt { say(index, said.author, marks, isAlone: isFirst) }
            return marks
        }
        let kept = UnsafeBufferPointer(rebasing: said.title.prefix(TitleText.cut(said.title, at: TitleArena.longest)))
        guard isFirst || time == entry.pushedAt && comesFirst(kept, said.author, than: entry),
            let offset = titles.add(kept)
        else { return marks }
        entries[index].title = offset
        entries[index].titleCount = UInt8(kept.count)
        entries[index].author = authors.id(of: said.author)
        entries[index].marks = marks
        return marks
    }

    /// Without titles, what two pushes of one moment say of a commit counts together: the order of coming must not show.
    private mutating func say(_ index: Int, _ author: String, _ marks: Marks, isAlone: Bool) {
        let known = isAlone ? UInt32.max : entries[index].author
        entries[index].marks = isAlone ? marks : entries[index].marks.union(marks)
        guard known == .max || author < authors[known] else { return }
        entries[index].author = authors.id(of: author)
    }

    private static func note(_ entry: inout Entry, _ madeAt: Int64?, _ time: Int64) {
        entry.ends.insert(.listed)
        if let madeAt { entry.madeAt = min(entry.madeAt, madeAt) }
        entry.pushedAt = min(entry.pushedAt, time)
    }

    private func comesFirst(_ title: UnsafeBufferPointer<UInt8>, _ author: String, than entry: Entry) -> Bool {
        guard entry.author != .max else { return true }
        let known = titles.bytes(at: entry.title, Int(entry.titleCount))
        if title.elementsEqual(known) { return author < authors[entry.author] }
        return title.lexicographicallyPrecedes(known)
    }

    mutating func mark(_ id: UInt32, _ ends: Ends) { entries[Int(id)].ends.insert(ends) }

    func hash(of id: UInt32) -> CommitHash {
        let entry = entries[Int(id)]
        guard entry.tail >= 64 else {
            return CommitHash(a: entry.a, b: entry.b, c: UInt64(entry.c) << 32, d: 0, count: Int(entry.tail))
        }
        let tail = tails[Int(entry.tail - 64)]
        return CommitHash(a: entry.a, b: entry.b, c: tail.c, d: tail.d, count: tail.count)
    }

    /// The first digits, without what goes beyond 16 of them.
    func firstDigits(of id: UInt32) -> UInt64 { entries[Int(id)].a }

    func repository(of id: UInt32) -> UInt32 { entries[Int(id)].repository }
    func marks(of id: UInt32) -> Marks { entries[Int(id)].marks }
    func ends(of id: UInt32) -> Ends { entries[Int(id)].ends }

    /// When its author made it; nil where that is not known.
    func madeAt(_ id: UInt32) -> Int64? { known(entries[Int(id)].madeAt) }
    /// When it was first pushed; nil where no push lists it.
    func pushedAt(_ id: UInt32) -> Int64? { known(entries[Int(id)].pushedAt) }

    private func known(_ time: Int64) -> Int64? { time == .max ? nil : time }

    func author(of id: UInt32) -> String {
        let author = entries[Int(id)].author
        return author == .max ? "" : authors[author]
    }

    func title(of id: UInt32) -> String {
        let entry = entries[Int(id)]
        guard entry.titleCount > 0 else { return "" }
        return String(decoding: titles.bytes(at: entry.title, Int(entry.titleCount)), as: UTF8.self)
    }
}
