/// The hashes of commits by their numbers, and their numbers by their hashes.
struct CommitIndex {
    private struct Key {
        let a: UInt64
        let b: UInt64
        let c: UInt32
        let repository: UInt32
    }

    private struct Tail: Equatable {
        let c: UInt64
        let d: UInt64
    }

    private var keys = ChunkedArray<Key>()
    /// How many digits each has.
    private var counts = ChunkedArray<UInt8>()
    /// All of what is beyond 32 digits, of those with more than 40.
    private var tails: [UInt32: Tail] = [:]
    /// Open addressing; 0 is empty, else an entry's number and 1. The bits above that are some of the hash: most of what is
    /// looked for and not there shows so, without a look at its key.
    private var slots = [UInt32](repeating: 0, count: 1_024)
    /// Chosen commits cannot be made to meet in one slot.
    private let seed = UInt64.random(in: .min ... .max)

    var count: Int { keys.count }

    mutating func id(of hash: CommitHash, in repository: UInt32) -> UInt32 {
        let mixed = mix(hash.a, hash.b, UInt32(truncatingIfNeeded: hash.c >> 32), repository)
        let slot = slot(of: hash, repository, mixed)
        if slots[slot] != 0 { return number(at: slot) }
        let id = UInt32(keys.count)
        keys.append(Key(a: hash.a, b: hash.b, c: UInt32(truncatingIfNeeded: hash.c >> 32), repository: repository))
        counts.append(UInt8(hash.count))
        if hash.count > CommitHash.whole { tails[id] = Tail(c: hash.c, d: hash.d) }
        slots[slot] = tag(mixed) | (id + 1)
        if keys.count * 10 > slots.count * 7 { grow() }
        return id
    }

    func find(_ hash: CommitHash, in repository: UInt32) -> UInt32? {
        let slot = slot(of: hash, repository, mix(hash.a, hash.b, UInt32(truncatingIfNeeded: hash.c >> 32), repository))
        return slots[slot] == 0 ? nil : number(at: slot)
    }

    func hash(of id: UInt32) -> CommitHash {
        let (key, count) = (keys[Int(id)], Int(counts[Int(id)]))
        guard count > CommitHash.whole, let tail = tails[id] else {
            return CommitHash(a: key.a, b: key.b, c: UInt64(key.c) << 32, d: 0, count: count)
        }
        return CommitHash(a: key.a, b: key.b, c: tail.c, d: tail.d, count: count)
    }

    func firstDigits(of id: UInt32) -> UInt64 { keys[Int(id)].a }
    func repository(of id: UInt32) -> UInt32 { keys[Int(id)].repository }

    // MARK: Slots

    private var mask: Int { slots.count - 1 }
    private func number(at slot: Int) -> UInt32 { (slots[slot] & UInt32(truncatingIfNeeded: mask)) - 1 }
    private func tag(_ mixed: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: mixed) & ~UInt32(truncatingIfNeeded: mask)
    }

    /// The slot that holds the commit, or the empty one where it belongs.
    private func slot(of hash: CommitHash, _ repository: UInt32, _ mixed: UInt64) -> Int {
        let tag = tag(mixed)
        var slot = start(mixed)
        while slots[slot] != 0 {
            if slots[slot] & ~UInt32(truncatingIfNeeded: mask) == tag, isCommit(number(at: slot), hash, repository) {
                return slot
            }
            slot = (slot + 1) & mask
        }
        return slot
    }

    private func isCommit(_ id: UInt32, _ hash: CommitHash, _ repository: UInt32) -> Bool {
        let key = keys[Int(id)]
        guard key.a == hash.a, key.b == hash.b, key.c == UInt32(truncatingIfNeeded: hash.c >> 32),
            key.repository == repository, Int(counts[Int(id)]) == hash.count
        else { return false }
        return hash.count <= CommitHash.whole || tails[id] == Tail(c: hash.c, d: hash.d)
    }

    private func start(_ mixed: UInt64) -> Int { Int(truncatingIfNeeded: mixed >> 32) & mask }

    private func mix(_ a: UInt64, _ b: UInt64, _ c: UInt32, _ repository: UInt32) -> UInt64 {
        var mixed = (a ^ seed) &* 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ mixed >> 32 ^ b) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 29 ^ UInt64(c) << 32 ^ UInt64(repository)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    private mutating func grow() {
        slots = [UInt32](repeating: 0, count: slots.count * 2)
        for id in 0..<keys.count {
            let key = keys[id]
            let mixed = mix(key.a, key.b, key.c, key.repository)
            var slot = start(mixed)
            while slots[slot] != 0 { slot = (slot + 1) & mask }
            slots[slot] = tag(mixed) | (UInt32(id) + 1)
        }
    }
}
