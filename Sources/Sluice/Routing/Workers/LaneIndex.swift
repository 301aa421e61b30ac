/// A message's key with its hash, which is found before the lanes are locked.
struct LaneKey: Sendable {
    let bytes: [UInt8]
    /// Seeded for each process: from outside, keys of one hash cannot be chosen.
    let hash: UInt32

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        var hasher = Hasher()
        bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
        hash = UInt32(truncatingIfNeeded: hasher.finalize())
    }
}

/// Finds the lane of a key: a hash table of lanes, each of which has its key elsewhere.
///
/// A message of a new key takes over a free lane, so that one key leaves for each that comes. A dictionary would hash both of
/// them, and the one that comes twice.
struct LaneIndex {
    typealias Lane = Int

    private struct Entry {
        var hash: UInt32 = 0
        /// Less than 0 where there is none.
        var lane: Int32 = -1
    }

    /// In places of a power of two, at most half of them taken. An entry is at the first place that was free from its hash on.
    private var entries = [Entry](repeating: Entry(), count: 16)
    private(set) var count = 0

    private var mask: Int { entries.count - 1 }

    /// - Parameter hasKey: whether a lane is that of the key.
    func find(_ hash: UInt32, where hasKey: (Lane) -> Bool) -> Lane? {
        var place = Int(hash) & mask
        while entries[place].lane >= 0 {
            if entries[place].hash == hash, hasKey(Int(entries[place].lane)) { return Int(entries[place].lane) }
            place = (place + 1) & mask
        }
        return nil
    }

    /// - Parameter lane: of a key that has none.
    mutating func insert(_ hash: UInt32, _ lane: Lane) {
        if (count + 1) * 2 > entries.count { grow() }
        put(Entry(hash: hash, lane: Int32(clamping: lane)))
        count += 1
    }

    private mutating func put(_ entry: Entry) {
        var place = Int(entry.hash) & mask
        while entries[place].lane >= 0 { place = (place + 1) & mask }
        entries[place] = entry
    }

    private mutating func grow() {
        let old = entries
        entries = [Entry](repeating: Entry(), count: old.count * 2)
        for entry in old where entry.lane >= 0 { put(entry) }
    }

    mutating func remove(_ hash: UInt32, _ lane: Lane) {
        var hole = Int(hash) & mask
        while entries[hole].lane != Int32(clamping: lane) {
            guard entries[hole].lane >= 0 else { return }
            hole = (hole + 1) & mask
        }
        count -= 1
        // What comes behind moves up, as far as its own hash lets it.
        var place = (hole + 1) & mask
        while entries[place].lane >= 0 {
            let home = Int(entries[place].hash) & mask
            if (place &- home) & mask >= (place &- hole) & mask {
                entries[hole] = entries[place]
                hole = place
            }
            place = (place + 1) & mask
        }
        entries[hole] = Entry()
    }
}
