/// How much a source puts aside while its route gets nothing done. A state machine without I/O.
///
/// Putting aside pays where other keys can be handled meanwhile. A destination that is away fails every key, and the whole
/// backlog would be moved to the shelf for nothing. So whatever is put aside is spent, and every message that is handled
/// gives the whole allowance back. Few keys may put aside more: what fails is theirs, and the others may come behind it.
package struct ShelfAllowance: Sendable {
    package struct Configuration: Sendable {
        /// Of so many keys the larger allowance holds.
        package var fewKeys = 8
        package var ofFewKeys: Int
        package var ofMany = 4_096
        /// What time adds, so that keys that no one has tried are reached in the end; 0 for nothing.
        package var refill: Int
        package var interval = Duration.seconds(15)

        /// Of a source whose shelf is a file.
        package static let durable = Configuration(ofFewKeys: .max, refill: 1_024)
        /// Of a source whose shelf is memory: a destination that is away has to hold up its publishers.
        package static let volatile = Configuration(ofFewKeys: 65_536, refill: 0)

        /// Of a source whose shelf is memory, while its messages are kept elsewhere: it bounds the memory itself.
        package static let transient = Configuration(ofFewKeys: .max, refill: 1_024)

        package init(ofFewKeys: Int, refill: Int) {
            self.ofFewKeys = ofFewKeys
            self.refill = refill
        }
    }

    let configuration: Configuration
    private var spent = 0
    private var refilled = 0
    private var isTiming = false

    init(_ configuration: Configuration) {
        self.configuration = configuration
    }

    /// Whether more may be put aside while so many keys have something on the shelf.
    func isOpen(keys: Int) -> Bool {
        spent < (keys <= configuration.fewKeys ? configuration.ofFewKeys : limit)
    }

    private var limit: Int { configuration.ofMany.addingSaturated(refilled) }

    /// - Returns: whether a timer is to be started that ends with ``refill()``.
    mutating func spend(_ count: Int) -> Bool {
        spent = spent.addingSaturated(count)
        return startTimer()
    }

    /// - Returns: whether the timer is to be started again.
    mutating func refill() -> Bool {
        isTiming = false
        refilled = refilled.addingSaturated(configuration.refill)
        return startTimer()
    }

    private mutating func startTimer() -> Bool {
        guard spent >= limit, configuration.refill > 0, !isTiming else { return false }
        isTiming = true
        return true
    }

    /// - Returns: whether more may be put aside than before.
    mutating func noteProgress() -> Bool {
        let wasShut = spent >= limit
        spent = 0
        refilled = 0
        return wasShut
    }
}
