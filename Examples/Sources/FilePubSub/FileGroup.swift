import Foundation
import Sluice

/// What the readers of one group have in hand, have settled, and get next.
struct FileGroup {
    var members: [FileMember] = []
    private var settled: Set<Int> = []
    private var file: RecordFile
    private var next = 0
    /// Rejected messages whose time has come.
    private var due: [Int] = []
    private var inHand: [Int: ObjectIdentifier] = [:]
    private var attempts: [Int: Int] = [:]
    private var turn = 0
    /// How long a rejected message waits where nothing else is said.
    private let backoff = Backoff.exponential(from: .milliseconds(10), upTo: .seconds(30), jitter: false)

    init(_ url: URL) throws {
        file = try RecordFile(url)
        for index in 0..<file.count {
            if let place = Int(String(decoding: try file.read(index), as: UTF8.self)) { settled.insert(place) }
        }
    }

    /// Gives each member in turn one message, until nothing is left or no member has room.
    mutating func feed(_ records: RecordFile) {
        while let member = nextMember(), let place = takePlace(records.count) {
            let attempt = attempts[place, default: 0] + 1
            attempts[place] = attempt
            inHand[place] = ObjectIdentifier(member)
            // Should it not be taken, because the subscription has just ended, it rejects itself and comes again.
            member.subscription.offer(
                Self.delivery(place, of: records, attempt: attempt, settler: member))
        }
    }

    private mutating func nextMember() -> FileMember? {
        for _ in members {
            turn = (turn + 1) % members.count
            if members[turn].subscription.room > 0 { return members[turn] }
        }
        return nil
    }

    private mutating func takePlace(_ count: Int) -> Int? {
        if !due.isEmpty { return due.removeFirst() }
        while next < count {
            defer { next += 1 }
            if !settled.contains(next) { return next }
        }
        return nil
    }

    private static func delivery(_ place: Int, of records: RecordFile, attempt: Int, settler: FileMember) -> Delivery {
        var origin = Delivery.Origin(attempt: attempt, redelivered: attempt > 1, offset: Int64(place))
        var message: Message
        do {
            let line = try records.read(place)
            message = Message(payload: Array(line))
            message = try JSONDecoder().decode(Message.self, from: line)
        } catch {
            // Goes through the route as a failure, and so to its poison queue.
            message = Message(payload: [])
            origin.failure = HandlerError(
                "line \(place) is no message", reason: "malformed", disposition: .poison("line \(place) is no message"))
        }
        return Delivery(message, origin: origin, settler: settler, tag: UInt64(place))
    }

    /// - Returns: how long until ``bringBack(_:from:)``, for a message that was rejected.
    mutating func settle(_ tag: UInt64, by member: FileMember, _ settlement: Settlement) -> Duration? {
        let place = Int(tag)
        // One that has left has nothing in hand any more.
        guard inHand[place] == ObjectIdentifier(member) else { return nil }
        switch settlement {
        case .acknowledged:
            inHand[place] = nil
            attempts[place] = nil
            settled.insert(place)
            // What a crash forgets of these is delivered again.
            try? file.append([Data("\(place)".utf8)], synchronized: false)
            return nil
        case .rejected(let rejection):
            return rejection.delay ?? backoff.bound(beforeRetry: attempts[place] ?? 1)
        }
    }

    /// A rejected message's time has come.
    mutating func bringBack(_ tag: UInt64, from member: FileMember) {
        let place = Int(tag)
        guard inHand[place] == ObjectIdentifier(member) else { return }
        inHand[place] = nil
        due.append(place)
    }

    mutating func remove(_ member: FileMember) {
        members.removeAll { $0 === member }
        for (place, owner) in inHand.sorted(by: { $0.key < $1.key }) where owner == ObjectIdentifier(member) {
            inHand[place] = nil
            due.append(place)
        }
    }
}
