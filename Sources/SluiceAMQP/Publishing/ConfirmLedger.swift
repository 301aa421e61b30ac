import DequeModule

/// What was published on one channel and is not confirmed yet, by the numbers that the broker counts publishes with.
///
/// Confirms come out of order and for many at once.
struct ConfirmLedger<Item> {
    private var items = Deque<Item?>()
    /// The number of the first of `items`.
    private var first: UInt64 = 1
    private(set) var count = 0

    init() {}

    var isEmpty: Bool { count == 0 }

    /// Notes the next publish.
    mutating func append(_ item: Item) {
        items.append(item)
        count += 1
    }

    /// Takes out what a confirm settles, in the order of publishing.
    /// - Parameter multiple: whether everything up to this number is confirmed; 0 stands for all.
    /// - Returns: false when nothing with this number waits for it.
    @discardableResult
    mutating func confirm(_ number: UInt64, multiple: Bool, _ body: (Item) -> Void) -> Bool {
        // Compared so that no number overflows.
        guard number >= first || multiple && number == 0, number < first || number - first < UInt64(items.count) else {
            return false
        }
        if multiple {
            let end = number == 0 ? UInt64.max : number
            while first <= end, let item = items.popFirst() {
                first += 1
                take(item, body)
            }
            return true
        } else {
            let index = Int(number - first)
            guard let item = items[index] else { return false }
            items[index] = nil
            while let head = items.first, head == nil {
                items.removeFirst()
                first += 1
            }
            take(item, body)
            return true
        }
    }

    private mutating func take(_ item: Item?, _ body: (Item) -> Void) {
        guard let item else { return }
        count -= 1
        body(item)
    }

    /// Changes items from the oldest on until the body has found what it looks for.
    /// - Returns: whether it did.
    mutating func change(_ body: (inout Item) -> Bool) -> Bool {
        for index in items.indices {
            guard var item = items[index] else { continue }
            if body(&item) {
                items[index] = item
                return true
            }
        }
        return false
    }

    mutating func changeAll(_ body: (inout Item) -> Void) {
        for index in items.indices {
            guard var item = items[index] else { continue }
            body(&item)
            items[index] = item
        }
    }

    /// Everything that was never confirmed; afterwards the ledger counts from 1 again.
    mutating func removeAll() -> [Item] {
        defer { self = ConfirmLedger() }
        return items.compactMap(\.self)
    }
}
