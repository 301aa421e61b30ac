import DequeModule

/// The publishes of a topic that wait, for room or for acknowledgement.
struct MemoryPublishers {
    enum Signal {
        case proceed
        case cancelled
        case closed
    }

    typealias Continuation = UnsafeContinuation<Signal, Never>

    /// A publish that a topic is busy with.
    struct Call {
        let publisher: ObjectIdentifier
        /// Settlements that it waits for.
        var owed = 0
        var continuation: Continuation?
    }

    /// Those that wait for room, in order.
    var queue = Deque<UInt64>()
    private(set) var calls: [UInt64: Call] = [:]
    /// The groups that have not acknowledged a message yet, by its sequence number.
    private var owed: [UInt64: (call: UInt64, groups: [ObjectIdentifier])] = [:]
    private var nextCall: UInt64 = 0

    mutating func begin(of publisher: MemoryPublisher) -> UInt64 {
        nextCall += 1
        calls[nextCall] = Call(publisher: ObjectIdentifier(publisher))
        return nextCall
    }

    mutating func end(_ call: UInt64) {
        calls[call] = nil
    }

    mutating func wait(_ call: UInt64, _ continuation: Continuation, forRoom: Bool) {
        calls[call]?.continuation = continuation
        if forRoom { queue.append(call) }
    }

    /// Takes the continuation of a call that waits, so that it is resumed once.
    mutating func wake(_ call: UInt64) -> Continuation? {
        queue.removeAll { $0 == call }
        defer { calls[call]?.continuation = nil }
        return calls[call]?.continuation
    }

    mutating func wakeAll(of publisher: MemoryPublisher) -> [Continuation] {
        calls.filter { $0.value.publisher == ObjectIdentifier(publisher) }.keys.sorted().compactMap { wake($0) }
    }

    /// Notes that the call waits until each of these groups has acknowledged these messages.
    mutating func expect(_ sequences: Range<UInt64>, from groups: [ObjectIdentifier], for call: UInt64) {
        guard !groups.isEmpty else { return }
        for sequence in sequences { owed[sequence] = (call, groups) }
        calls[call]?.owed += sequences.count
    }

    /// - Returns: the publish that may return now.
    mutating func acknowledge(_ sequence: UInt64, by group: ObjectIdentifier) -> Continuation? {
        guard let entry = owed[sequence] else { return nil }
        let rest = entry.groups.filter { $0 != group }
        owed[sequence] = rest.isEmpty ? nil : (entry.call, rest)
        guard rest.isEmpty, rest.count < entry.groups.count, let call = calls[entry.call] else { return nil }
        calls[entry.call]?.owed = call.owed - 1
        return call.owed == 1 ? wake(entry.call) : nil
    }

    /// A group that is gone acknowledges nothing.
    mutating func forget(_ group: ObjectIdentifier) -> [Continuation] {
        owed.keys.sorted().compactMap { acknowledge($0, by: group) }
    }
}
