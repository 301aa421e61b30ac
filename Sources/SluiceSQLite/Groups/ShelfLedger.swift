import DequeModule
import Sluice

/// What a group has put aside behind its keys: settled as far as offsets go, kept in rows of their own. A state machine
/// without I/O; the rows are the writer's.
struct ShelfLedger {
    struct Entry: Equatable {
        var offset: Int64
        var key: [UInt8]
        /// Whether its row is there already, under another key.
        var isMoved = false
    }

    /// The next messages of a key are wanted.
    struct Request: Equatable {
        var key: [UInt8]
        /// The subscription that asked; nil where none did, and any may have them.
        var feed: UInt32?
    }

    /// An answer to a request.
    struct Portion: Equatable {
        var offsets: [Int64]
        /// Whether the shelf holds no more of the key.
        var isLast: Bool
    }

    /// The keys that have something on the shelf, and up to which offset that was handed out.
    private(set) var keys: [[UInt8]: Int64]
    /// In the order of asking.
    private(set) var requests: Deque<Request>
    /// Handed out again and not handled yet.
    private(set) var fed: [Int64: [UInt8]] = [:]
    /// Handed out before everything was forgotten, and not again: it may have been handled all the same.
    private var lapsed: [Int64: [UInt8]] = [:]
    /// Up to where the shelf was handed out to a reader that takes it in the log's order.
    private(set) var through: Int64 = 0
    /// Rows to be inserted, and rows to be deleted.
    private(set) var unwritten: [Entry] = []
    private(set) var finished: [Entry] = []
    /// Grows when rows were written.
    private(set) var version: UInt64 = 0

    /// - Parameter keys: those that have rows in the file.
    init(keys: [[UInt8]] = []) {
        self.keys = Dictionary(keys.map { ($0, 0) }) { first, _ in first }
        requests = Deque(keys.map { Request(key: $0) })
    }

    var isEmpty: Bool { keys.isEmpty }

    // MARK: Putting aside

    /// A message is put aside, for the first time or again. Who puts it aside also asks for it.
    /// - Returns: whether its offset is to count as settled from now on.
    mutating func put(_ offset: Int64, _ key: [UInt8]) -> Bool {
        let isNew = fed.removeValue(forKey: offset) == nil
        keys[key] = min(keys[key] ?? .max, offset - 1)
        through = min(through, offset - 1)
        if isNew { unwritten.append(Entry(offset: offset, key: key)) }
        return isNew
    }

    // MARK: Taking back

    mutating func request(_ key: [UInt8], for feed: UInt32?) {
        let request = Request(key: key, feed: feed)
        guard !requests.contains(request) else { return }
        // What no one asked for would be a second answer.
        if feed != nil { requests.removeAll { $0.key == key && $0.feed == nil } }
        requests.append(request)
    }

    /// Hands out what is there of each key to a reader that does not know of it.
    mutating func requestAll() {
        for key in keys.keys.sorted(by: { $0.lexicographicallyPrecedes($1) })
        where !requests.contains(where: { $0.key == key }) {
            request(key, for: nil)
        }
    }

    /// The subscription is gone.
    mutating func forget(feed: UInt32) {
        requests.removeAll { $0.feed == feed }
    }

    /// Takes the next request of those that can be met.
    mutating func nextRequest(_ canMeet: (UInt32?) -> Bool) -> Request? {
        requests.firstIndex { canMeet($0.feed) }.map { requests.remove(at: $0) }
    }

    /// The next messages of a key, of those that were found in the file and those that are not there yet.
    /// - Parameters:
    ///   - rows: the key's offsets in the file behind what was handed out, ascending, at most `limit`.
    ///   - bound: what is not older than this has to wait: older ones of the key may not have been read.
    mutating func take(_ key: [UInt8], rows: [Int64], limit: Int, before bound: Int64) -> Portion {
        guard let through = keys[key] else { return Portion(offsets: [], isLast: true) }
        var offsets = rows
        // Also among the rows: what was older and was read later is not written yet.
        let written = Set(rows)
        let more = unwritten.lazy.filter { $0.key == key && $0.offset > through && !written.contains($0.offset) }
        offsets.append(contentsOf: more.map(\.offset))
        if offsets.count > rows.count { offsets.sort() }
        let chosen = offsets.prefix(limit).prefix { $0 < bound }
        let isLast = chosen.count == offsets.count && rows.count < limit
        keys[key] = isLast ? nil : max(through, chosen.last ?? through)
        let gone = Set(finished.lazy.map(\.offset))
        let taken = chosen.filter { fed[$0] == nil && !gone.contains($0) }
        for offset in taken { feed(offset, key) }
        return Portion(offsets: taken, isLast: isLast)
    }

    /// As ``take(_:rows:limit:before:)``, for a reader that takes all keys in the log's order.
    /// - Parameter rows: those in the file behind what was handed out, in order; none where there are no more.
    mutating func take(inOrder rows: [Entry]) -> [Int64] {
        guard let last = rows.last else {
            keys = [:]
            requests = []
            through = 0
            return []
        }
        through = max(through, last.offset)
        let gone = Set(finished.lazy.map(\.offset))
        let taken = rows.filter { fed[$0.offset] == nil && !gone.contains($0.offset) }
        for entry in taken { feed(entry.offset, entry.key) }
        return taken.map(\.offset)
    }

    private mutating func feed(_ offset: Int64, _ key: [UInt8]) {
        fed[offset] = key
        if !lapsed.isEmpty { lapsed[offset] = nil }
    }

    /// A message that was taken from the shelf is of another key by now: the group is read by other keys than before.
    mutating func move(_ offset: Int64, to key: [UInt8]) {
        guard fed.removeValue(forKey: offset) != nil else { return }
        keys[key] = min(keys[key] ?? .max, offset - 1)
        unwritten.append(Entry(offset: offset, key: key, isMoved: true))
        if !requests.contains(where: { $0.key == key }) { request(key, for: nil) }
    }

    /// Whether messages that were handed out may have been handled.
    var isOut: Bool { !fed.isEmpty || !lapsed.isEmpty }

    /// Offsets of a range that were handed out.
    func out(in range: ClosedRange<Int64>) -> [Int64] {
        fed.keys.filter(range.contains) + lapsed.keys.filter(range.contains)
    }

    /// A message that was handed out again is handled, or is no longer in the log.
    mutating func finish(_ offset: Int64) {
        guard let key = fed.removeValue(forKey: offset) ?? lapsed.removeValue(forKey: offset) else { return }
        finished.append(Entry(offset: offset, key: key))
    }

    /// What was handed out is forgotten: it comes again.
    mutating func restart() {
        for key in fed.values { keys[key] = 0 }
        for key in keys.keys { keys[key] = 0 }
        lapsed = fed
        fed = [:]
        through = 0
        requestAll()
    }

    // MARK: Writing

    /// So many of each were written.
    mutating func confirm(inserted: Int, deleted: Int) {
        unwritten.removeFirst(min(inserted, unwritten.count))
        finished.removeFirst(min(deleted, finished.count))
        version &+= 1
    }
}
