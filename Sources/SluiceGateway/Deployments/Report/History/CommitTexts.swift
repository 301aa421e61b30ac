/// The authors and titles of commits, in the order of their numbers.
struct CommitTexts {
    private struct Place {
        var title: UInt32 = 0
        /// `CommitTexts.none` where nothing is known.
        var author = CommitTexts.none
        var count: UInt8 = 0
    }

    private static let none = UInt32.max

    private var places = ChunkedArray<Place>()
    private var titles = TitleArena()
    private var authors = NameTable()

    mutating func append() { places.append(Place()) }

    /// Keeps what a push says, and of a title its beginning.
    /// - Parameter isPrecedence: keeps what is known where that sorts first: the order of coming must not show.
    /// - Returns: whether it is kept.
    @discardableResult
    mutating func replace(
        _ index: Int, _ author: String, _ title: UnsafeBufferPointer<UInt8>, whereItPrecedes isPrecedence: Bool = false
    ) -> Bool {
        let kept = UnsafeBufferPointer(rebasing: title.prefix(TitleText.cut(title, at: TitleArena.longest)))
        let known = places[index]
        guard !isPrecedence || precedes(kept, author, known), let offset = titles.add(kept) else { return false }
        places[index] = Place(title: offset, author: authors.id(of: author), count: UInt8(kept.count))
        return true
    }

    private func precedes(_ title: UnsafeBufferPointer<UInt8>, _ author: String, _ known: Place) -> Bool {
        guard known.author != Self.none else { return true }
        let bytes = titles.bytes(at: known.title, Int(known.count))
        if title.elementsEqual(bytes) { return author < authors[known.author] }
        return title.lexicographicallyPrecedes(bytes)
    }

    func author(of index: Int) -> String {
        let author = places[index].author
        return author == Self.none ? "" : authors[author]
    }

    func title(of index: Int) -> String {
        let place = places[index]
        guard place.count > 0 else { return "" }
        return String(decoding: titles.bytes(at: place.title, Int(place.count)), as: UTF8.self)
    }
}
