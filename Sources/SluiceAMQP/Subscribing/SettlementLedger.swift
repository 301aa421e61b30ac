import DequeModule

/// What was delivered on one channel and is not settled yet, by delivery tag.
///
/// Tags are counted from 1 without gaps. What is settled up to some tag goes in one acknowledgement (`multiple`);
/// what lies behind a message that is still out goes singly.
struct SettlementLedger<Original> {
    private struct Slot {
        var original: Original?
        var size: Int
        /// Whether it was acknowledged here, and whether the broker has been told.
        var isAcknowledged = false
        var isTold = false
    }

    /// What to tell the broker.
    struct Flush: Equatable {
        /// Everything up to this tag.
        var upTo: UInt64?
        var singles: [UInt64] = []

        var isEmpty: Bool { upTo == nil && singles.isEmpty }
    }

    private var slots = Deque<Slot>()
    /// The tag of the first of `slots`.
    private var first: UInt64 = 1
    /// Delivered and not settled here.
    private(set) var outstanding = 0
    /// The bytes of these.
    private(set) var outstandingBytes = 0
    /// Acknowledged here, and the broker does not know.
    private(set) var pending = 0

    init() {}

    /// - Parameter size: the bytes that it holds while it is out.
    /// - Returns: false when the broker does not count as it should.
    mutating func deliver(_ tag: UInt64, _ original: Original, size: Int = 0) -> Bool {
        guard tag == first + UInt64(slots.count) else { return false }
        slots.append(Slot(original: original, size: size))
        outstanding += 1
        outstandingBytes += size
        return true
    }

    /// - Returns: false when the tag is not out any more.
    mutating func acknowledge(_ tag: UInt64) -> Bool {
        guard let index = index(tag), slots[index].original != nil else { return false }
        slots[index].original = nil
        slots[index].isAcknowledged = true
        outstanding -= 1
        outstandingBytes -= slots[index].size
        pending += 1
        return true
    }

    /// What was delivered under this tag, while it is out.
    func original(_ tag: UInt64) -> Original? {
        index(tag).flatMap { slots[$0].original }
    }

    /// The message is given back in a way that needs no acknowledgement.
    mutating func giveBack(_ tag: UInt64) -> Bool {
        guard let index = index(tag), slots[index].original != nil else { return false }
        slots[index].original = nil
        slots[index].isTold = true
        outstanding -= 1
        outstandingBytes -= slots[index].size
        dropTold()
        return true
    }

    /// Takes what the broker has not been told.
    mutating func flush() -> Flush {
        var flush = Flush()
        guard pending > 0 else { return flush }
        while let slot = slots.first, slot.original == nil {
            // Never acknowledge a tag twice.
            if !slot.isTold { flush.upTo = first }
            slots.removeFirst()
            first += 1
        }
        for index in slots.indices where slots[index].isAcknowledged && !slots[index].isTold {
            slots[index].isTold = true
            flush.singles.append(first + UInt64(index))
        }
        pending = 0
        return flush
    }

    private mutating func dropTold() {
        while let slot = slots.first, slot.original == nil, slot.isTold {
            slots.removeFirst()
            first += 1
        }
    }

    private func index(_ tag: UInt64) -> Int? {
        guard tag >= first, tag - first < UInt64(slots.count) else { return nil }
        return Int(tag - first)
    }
}
