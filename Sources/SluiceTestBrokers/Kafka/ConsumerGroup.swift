/// A consumer group as Kafka's coordinator keeps it (`GroupCoordinator.scala`, the classic protocol). A state machine
/// without I/O; times are seconds of any clock.
///
/// librdkafka's mock group differs: it refuses commits while members join, which Kafka takes, and it turns a member away
/// that syncs after its leader.
struct ConsumerGroup {
    enum Phase: Equatable {
        case empty
        /// Members join. At the time given, those that have not are removed.
        case preparing(until: Double)
        /// All have joined; the leader has not said yet who gets what.
        case completing
        case stable
    }

    struct Membership {
        var protocols: [(name: String, metadata: [UInt8])]
        var sessionTimeout: Double
        var rebalanceTimeout: Double
        var instance: String?
        fileprivate(set) var lastSeen: Double
        /// Whether it has asked for a place in the next generation.
        fileprivate(set) var awaitsJoin = false
        fileprivate(set) var assignment: [UInt8] = []
    }

    /// The protocol's errors (<https://kafka.apache.org/protocol#protocol_error_codes>).
    enum Failure: Int16, Error {
        case illegalGeneration = 22
        case inconsistentProtocol = 23
        case unknownMember = 25
        case rebalanceInProgress = 27
    }

    private(set) var phase = Phase.empty
    private(set) var generation: Int32 = 0
    private(set) var leader = ""
    private(set) var protocolName = ""
    private(set) var members: [String: Membership] = [:]
    /// In the order in which they came.
    private(set) var order: [String] = []
    private var made = 0
    /// While true, members that join wait for each other.
    var isHeld = false

    /// How many members wait for the next generation.
    var joining: Int { members.values.count(where: \.awaitsJoin) }

    // MARK: Joining

    /// Takes a member in, or lets it join anew. It is answered once ``isJoined(_:)``.
    /// - Parameter id: empty for a new member.
    /// - Returns: its id.
    mutating func join(_ id: String, _ member: Membership, now: Double) throws(Failure) -> String {
        expire(now: now)
        var id = id
        if id.isEmpty {
            made += 1
            id = "member-\(made)"
        } else if let known = members[id] {
            // Nothing new of it: it missed its answer.
            let isSame =
                known.protocols.map(\.name) == member.protocols.map(\.name)
                && known.protocols.map(\.metadata) == member.protocols.map(\.metadata)
            if isSame, phase == .completing || (phase == .stable && id != leader) {
                members[id]?.lastSeen = now
                return id
            }
        } else {
            throw .unknownMember
        }
        if members[id] == nil { order.append(id) }
        let assignment = members[id]?.assignment ?? []
        members[id] = member
        members[id]?.assignment = assignment
        members[id]?.awaitsJoin = true
        members[id]?.lastSeen = now
        if case .preparing = phase {} else { prepare(now: now) }
        completeJoin(now: now)
        return id
    }

    /// - Returns: false while it waits for the others.
    /// - Throws: when it is no member any more.
    func isJoined(_ id: String) throws(Failure) -> Bool {
        guard let member = members[id] else { throw .unknownMember }
        return !member.awaitsJoin
    }

    private mutating func prepare(now: Double) {
        phase = .preparing(until: now + (members.values.map(\.rebalanceTimeout).max() ?? 0))
    }

    /// Begins the next generation once all have joined.
    private mutating func completeJoin(now: Double) {
        guard case .preparing(let until) = phase, !isHeld else { return }
        if now >= until { for id in order where members[id]?.awaitsJoin == false { remove(id) } }
        guard !members.isEmpty else {
            phase = .empty
            generation += 1
            return
        }
        guard members.values.allSatisfy(\.awaitsJoin) else { return }
        generation += 1
        phase = .completing
        if members[leader] == nil { leader = order.first ?? "" }
        protocolName =
            members[leader]?.protocols.map(\.name).first { name in
                members.values.allSatisfy { $0.protocols.contains { $0.name == name } }
            } ?? ""
        for id in order {
            members[id]?.awaitsJoin = false
            members[id]?.lastSeen = now
            members[id]?.assignment = []
        }
    }

    // MARK: Syncing

    /// - Parameter assignments: the leader's; others give none.
    mutating func sync(
        _ id: String, _ generation: Int32, _ assignments: [String: [UInt8]], now: Double
    ) throws(Failure) {
        try check(id, generation, now: now)
        if case .preparing = phase { throw .rebalanceInProgress }
        guard phase == .completing, id == leader else { return }
        for (member, assignment) in assignments { members[member]?.assignment = assignment }
        phase = .stable
    }

    /// What the member gets in this generation; nil while the leader has not said it.
    func assignment(_ id: String, _ generation: Int32) throws(Failure) -> [UInt8]? {
        guard let member = members[id] else { throw .unknownMember }
        guard generation == self.generation else { throw .rebalanceInProgress }
        switch phase {
        case .completing: return nil
        case .stable: return member.assignment
        case .empty, .preparing: throw .rebalanceInProgress
        }
    }

    // MARK: Being a member

    private mutating func check(_ id: String, _ generation: Int32, now: Double) throws(Failure) {
        expire(now: now)
        guard members[id] != nil else { throw .unknownMember }
        guard generation == self.generation else { throw .illegalGeneration }
        members[id]?.lastSeen = now
    }

    mutating func heartbeat(_ id: String, _ generation: Int32, now: Double) throws(Failure) {
        try check(id, generation, now: now)
        if case .preparing = phase { throw .rebalanceInProgress }
    }

    /// Whether offsets may be committed. While members join, they may.
    mutating func commit(_ id: String, _ generation: Int32, now: Double) throws(Failure) {
        if generation < 0, members.isEmpty { return }
        try check(id, generation, now: now)
        if phase == .completing { throw .rebalanceInProgress }
    }

    mutating func leave(_ id: String, now: Double) throws(Failure) {
        expire(now: now)
        guard members[id] != nil else { throw .unknownMember }
        remove(id)
        changed(now: now)
    }

    private mutating func remove(_ id: String) {
        members[id] = nil
        order.removeAll { $0 == id }
    }

    private mutating func changed(now: Double) {
        if case .preparing = phase {} else { prepare(now: now) }
        completeJoin(now: now)
    }

    /// Removes members that have not been heard of for the time of their sessions.
    mutating func expire(now: Double) {
        let gone = order.filter { id in
            guard let member = members[id], !member.awaitsJoin else { return false }
            return now >= member.lastSeen + member.sessionTimeout
        }
        for id in gone { remove(id) }
        if gone.isEmpty { completeJoin(now: now) } else { changed(now: now) }
    }
}
