import Foundation

/// The parts of the program and its libraries that only its start has used. They stay resident for as long as the process runs, which
/// doubles what a gateway takes that is mostly idle.
public enum StartPages {
    /// Has the system take them back, once the program has started. What is used again comes from the page cache, in a fraction of a
    /// microsecond a page.
    public static func giveBack() {
        // In pieces: the file tells no size, and gives a few lines at a time.
        guard let file = FileHandle(forReadingAtPath: "/proc/self/smaps") else { return }
        var bytes = Data()
        while let piece = try? file.read(upToCount: 64 << 10), !piece.isEmpty { bytes += piece }
        let maps = String(decoding: bytes, as: UTF8.self)
        for pages in unchanged(maps) {
            guard let start = UnsafeMutableRawPointer(bitPattern: pages.lowerBound) else { continue }
            madvise(start, pages.count, MADV_DONTNEED)
        }
    }

    /// The addresses where code and data of the program and its libraries are mapped as their files have them. What was written
    /// there as they were loaded is anonymous memory, or was swapped out; what else is mapped may be let go of at any time.
    /// - Parameter maps: as proc(5) tells of `smaps`.
    static func unchanged(_ maps: String, of program: String = CommandLine.arguments.first ?? "") -> [Range<UInt>] {
        let programName = program.split(separator: "/").last
        var found: [Range<UInt>] = []
        var mapped: Range<UInt>?
        for line in maps.split(separator: "\n") {
            let words = line.split(separator: " ", omittingEmptySubsequences: true)
            switch words.first {
            case let word? where !word.hasSuffix(":"):
                guard words.count > 5, words[5].hasPrefix("/"), ["r-xp", "r--p"].contains(words[1]) else {
                    mapped = nil
                    continue
                }
                let name = words[5].split(separator: "/").last
                let isLoaded = name == programName || name?.contains(".so") == true
                mapped = isLoaded ? addresses(words[0]) : nil
            case "Anonymous:": if words.dropFirst().first != "0" { mapped = nil }
            // It comes later.
            case "Swap:":
                if let mapped, words.dropFirst().first == "0" { found.append(mapped) }
                mapped = nil
            default: break
            }
        }
        return found
    }

    private static func addresses(_ text: Substring) -> Range<UInt>? {
        let ends = text.split(separator: "-").compactMap { UInt($0, radix: 16) }
        return ends.count == 2 && ends[0] < ends[1] ? ends[0]..<ends[1] : nil
    }
}
