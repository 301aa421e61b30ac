import GRDB
import Sluice

// The file can be edited by hand: what is not what it should be is passed over.

/// Attempts of a route that failed for one cause.
struct JournalFailure: Sendable, Equatable {
    let route: String
    let destination: String
    let code: JournalCode
    let reason: String
    let count: Int64
    let first: Timestamp
    let last: Timestamp

    init?(_ row: Row) {
        guard let route = String.fromDatabaseValue(row[0]), let destination = String.fromDatabaseValue(row[1]),
            let code = Int64.fromDatabaseValue(row[2]), let reason = String.fromDatabaseValue(row[3]),
            let count = Int64.fromDatabaseValue(row[4]), let first = Int64.fromDatabaseValue(row[5]),
            let last = Int64.fromDatabaseValue(row[6])
        else { return nil }
        (self.route, self.destination, self.code, self.reason) = (route, destination, JournalCode(number: code), reason)
        self.count = count
        self.first = Timestamp(millisecondsSince1970: first)
        self.last = Timestamp(millisecondsSince1970: last)
    }
}

/// A message that was taken in.
struct JournalNote: Sendable, Equatable {
    let time: Timestamp
    let route: String
    let message: MessageID
    let kind: String?
    let key: String?
    let commit: String?
    let correlation: String?
    let delivery: String?

    init?(_ row: Row) {
        guard let time = Int64.fromDatabaseValue(row[0]), let route = String.fromDatabaseValue(row[1]),
            let message = MessageID(journalValue: row[2])
        else { return nil }
        self.time = Timestamp(millisecondsSince1970: time)
        self.route = route
        self.message = message
        kind = String.fromDatabaseValue(row[3])
        key = String.fromDatabaseValue(row[4])
        commit = String.fromDatabaseValue(row[5])
        correlation = MessageID(journalValue: row[6])?.description
        delivery = MessageID(journalValue: row[7])?.description
    }
}

/// How an attempt or a delivery ended.
struct JournalEntry: Sendable, Equatable {
    /// Each in microseconds; of a delivery since its arrival.
    struct Waits: Sendable, Equatable {
        var throttle: Int64 = 0
        var breaker: Int64 = 0
        var concurrency: Int64 = 0
        var backoff: Int64 = 0

        var all: Int64 { throttle.addingSaturated(breaker).addingSaturated(concurrency).addingSaturated(backoff) }
    }

    let time: Timestamp
    private(set) var route: String
    /// Whether a job has sent it again.
    private(set) var isAgain = false
    let destination: String
    let message: MessageID
    let partition: Int32?
    let offset: Int64?
    let attempt: Int64
    let code: JournalCode
    /// How long before the attempt the delivery had arrived, in microseconds.
    let arrival: Int64
    let waits: Waits
    /// In microseconds.
    let duration: Int64
    let reason: String?
    let retryAfter: Duration?

    init?(_ row: Row) {
        guard let time = Int64.fromDatabaseValue(row[0]), let route = String.fromDatabaseValue(row[1]),
            let destination = String.fromDatabaseValue(row[2]), let message = MessageID(journalValue: row[3]),
            let attempt = Int64.fromDatabaseValue(row[6]), let code = Int64.fromDatabaseValue(row[7])
        else { return nil }
        func number(_ column: Int) -> Int64 { max(0, Int64.fromDatabaseValue(row[column]) ?? 0) }
        self.time = Timestamp(millisecondsSince1970: time)
        (self.route, self.destination, self.message) = (route, destination, message)
        partition = Int64.fromDatabaseValue(row[4]).flatMap { Int32(exactly: $0) }
        offset = Int64.fromDatabaseValue(row[5])
        self.attempt = attempt
        self.code = JournalCode(number: code)
        arrival = number(8)
        waits = Waits(throttle: number(9), breaker: number(10), concurrency: number(11), backoff: number(12))
        duration = number(13)
        reason = String.fromDatabaseValue(row[14])
        retryAfter = Int64.fromDatabaseValue(row[15]).map { .milliseconds(max(0, $0)) }
    }

    /// The same, told of the route whose message a job has sent again; itself for any other.
    var toldOfItsOwnRoute: JournalEntry {
        guard let own = RedriveDesk.lane(ofRoute: route) else { return self }
        var told = told(of: own)
        told.isAgain = true
        return told
    }

    /// The same as a part of another route's story.
    func told(of route: String) -> JournalEntry {
        var entry = self
        entry.route = route
        return entry
    }
}

extension JournalEvent {
    init?(_ row: Row) {
        guard let kind = String.fromDatabaseValue(row[0]), let subject = String.fromDatabaseValue(row[1]),
            let time = Int64.fromDatabaseValue(row[3])
        else { return nil }
        self.init(
            Kind(kind), subject, String.fromDatabaseValue(row[2]),
            until: Int64.fromDatabaseValue(row[4]).map(Timestamp.init(millisecondsSince1970:)),
            at: Timestamp(millisecondsSince1970: time))
    }
}
