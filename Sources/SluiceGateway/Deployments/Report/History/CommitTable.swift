import Sluice

/// Every commit that was heard of, once for each repository, by a number that begins at 0.
///
/// What is asked together lies together, so that a million commits take little room: their hashes, their times, what is said of
/// them, and, only where they are kept, authors and titles.
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

    private struct Notes {
        var marks: Marks = []
        var ends: Ends = []
    }

    private var index = CommitIndex()
    private var times = CommitTimes()
    private var notes = ChunkedArray<Notes>()
    private var texts: CommitTexts?

    /// - Parameter keepsTexts: whether authors and titles are kept: most are never shown, and they take half of the room.
    init(keepsTexts: Bool = true) {
        if keepsTexts { texts = CommitTexts() }
    }

    var count: Int { index.count }
    var keepsTexts: Bool { texts != nil }

    // MARK: Finding

    mutating func id(of hash: CommitHash, in repository: UInt32) -> UInt32 {
        let id = index.id(of: hash, in: repository)
        if Int(id) == times.count {
            times.append()
            notes.append(Notes())
            texts?.append()
        }
        return id
    }

    func find(_ hash: CommitHash, in repository: UInt32) -> UInt32? { index.find(hash, in: repository) }
    func hash(of id: UInt32) -> CommitHash { index.hash(of: id) }

    /// The first digits, without what goes beyond 16 of them.
    func firstDigits(of id: UInt32) -> UInt64 { index.firstDigits(of: id) }
    func repository(of id: UInt32) -> UInt32 { index.repository(of: id) }

    // MARK: Telling

    /// A push at `time` lists the commit. Of what pushes say of one commit the first one's word counts.
    /// - Returns: what this push's title says.
    mutating func list(_ id: UInt32, _ said: Saying, at time: Int64) -> Marks {
        let index = Int(id)
        let marks = TitleText.marks(of: said.title)
        let (known, hasText) = (times.pushedAt(id) ?? .max, texts != nil)
        times.note(id, madeAt: said.madeAt, pushedAt: time)
        notes[index].ends.insert(.listed)
        guard time <= known else { return marks }
        if time < known {
            texts?.replace(index, said.author, said.title)
            notes[index].marks = marks
        } else if !hasText {
            // The order of coming must not show.
            notes[index].marks.formUnion(marks)
        } else if texts?.replace(index, said.author, said.title, whereItPrecedes: true) == true {
            notes[index].marks = marks
        }
        return marks
    }

    mutating func mark(_ id: UInt32, _ ends: Ends) { notes[Int(id)].ends.insert(ends) }

    func marks(of id: UInt32) -> Marks { notes[Int(id)].marks }
    func ends(of id: UInt32) -> Ends { notes[Int(id)].ends }

    /// When its author made it; nil where that is not known.
    func madeAt(_ id: UInt32) -> Int64? { times.madeAt(id) }
    /// When it was first pushed; nil where no push lists it.
    func pushedAt(_ id: UInt32) -> Int64? { times.pushedAt(id) }

    func author(of id: UInt32) -> String { texts?.author(of: Int(id)) ?? "" }
    func title(of id: UInt32) -> String { texts?.title(of: Int(id)) ?? "" }
}
