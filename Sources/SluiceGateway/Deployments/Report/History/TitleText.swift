/// What the first line of a commit's message says.
enum TitleText {
    /// How many bytes are kept of it, so that no code point is split.
    static func cut(_ bytes: UnsafeBufferPointer<UInt8>, at limit: Int) -> Int {
        guard bytes.count > limit else { return bytes.count }
        var end = limit
        while end > 0, bytes[end] & 0xC0 == 0x80 { end -= 1 }
        return end
    }

    /// What is kept of a title.
    static func cut(_ title: String) -> String {
        var title = title
        return title.withUTF8 { String(decoding: $0.prefix(cut($0, at: TitleArena.longest)), as: UTF8.self) }
    }

    /// `Revert "…"` as git writes it, or the word `hotfix` anywhere, in any capitals; `Merge …` as git and GitHub write it.
    static func marks(of bytes: UnsafeBufferPointer<UInt8>) -> CommitTable.Marks {
        var marks: CommitTable.Marks = []
        if begins(bytes, with: "Revert \"") || contains(bytes, "hotfix") { marks.insert(.repairs) }
        if begins(bytes, with: "Merge ") { marks.insert(.merges) }
        return marks
    }

    private static func begins(_ bytes: UnsafeBufferPointer<UInt8>, with text: StaticString) -> Bool {
        guard bytes.count >= text.utf8CodeUnitCount else { return false }
        return (0..<text.utf8CodeUnitCount).allSatisfy { bytes[$0] == text.utf8Start[$0] }
    }

    /// - Parameter word: small letters.
    private static func contains(_ bytes: UnsafeBufferPointer<UInt8>, _ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        guard bytes.count >= count else { return false }
        for start in 0...bytes.count - count where bytes[start] | 0x20 == word.utf8Start[0] {
            if (1..<count).allSatisfy({ bytes[start + $0] | 0x20 == word.utf8Start[$0] }) { return true }
        }
        return false
    }
}
