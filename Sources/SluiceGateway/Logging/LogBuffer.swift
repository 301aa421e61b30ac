/// The lines that wait to be written, bounded in number and bytes: a state machine without I/O.
///
/// What does not fit is dropped, and the lines that are kept know how many are missing before them, so that the log says
/// so at the right place.
struct LogBuffer {
    struct Entry {
        var bytes: [UInt8]
        /// How many lines were dropped between this one and the one before.
        var missing: Int
    }

    private let maxLines: Int
    private let maxBytes: Int
    private var entries: [Entry] = []
    private var lines = 0
    private var bytes = 0
    /// Dropped since the last line that was kept.
    private var missing = 0

    init(maxLines: Int, maxBytes: Int) {
        self.maxLines = maxLines
        self.maxBytes = maxBytes
    }

    /// Whether every line has been written or given up.
    var isEmpty: Bool { lines == 0 && missing == 0 }

    /// - Parameter isGrave: an error: for these an eighth of the room is kept free of other lines.
    /// - Returns: false when the line is dropped.
    mutating func append(_ line: [UInt8], isGrave: Bool) -> Bool {
        let share = isGrave ? 8 : 7
        guard lines < maxLines / 8 * share, line.count <= maxBytes / 8 * share - bytes else {
            missing += 1
            return false
        }
        entries.append(Entry(bytes: line, missing: missing))
        missing = 0
        lines += 1
        bytes += line.count
        return true
    }

    /// All that waits, oldest first. Each entry still counts until ``wrote(_:)``.
    mutating func takeAll() -> [Entry] {
        defer { entries = [] }
        return entries
    }

    /// The writer has done with an entry, and it takes up no room any more.
    mutating func wrote(_ entry: Entry) {
        lines -= 1
        bytes -= entry.bytes.count
    }

    /// How many lines were dropped after the last one that was kept; they count as said.
    mutating func takeMissing() -> Int {
        defer { missing = 0 }
        return missing
    }
}
