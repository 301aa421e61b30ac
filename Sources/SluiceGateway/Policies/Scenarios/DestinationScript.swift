import Sluice

/// What a destination answers, and when.
struct DestinationScript: Sendable {
    /// An answer to one attempt.
    struct Answer: Sendable {
        var status = 200
        /// Nil is what the sink's kind expects with the status.
        var body: String?
        var retryAfter: Duration?
        /// Between these two, drawn anew each time.
        var latency = Latency(from: .zero, to: .zero)
        /// There is no answer, but this.
        var error: Fault?
        /// The message can never be taken, in the words of the sink's kind.
        var isPoison = false
    }

    struct Latency: Sendable {
        var from: Duration
        var to: Duration
    }

    /// How a request ends without an answer.
    enum Fault: String, Sendable, CaseIterable {
        case connectFailed = "connect_failed"
        case dnsFailed = "dns_failed"
        case tlsFailed = "tls_failed"
        case connectionReset = "connection_reset"
        /// Nothing comes until the client gives up.
        case timeout
    }

    /// An answer in place of the usual one.
    struct Rule: Sendable {
        var from: Duration?
        var to: Duration?
        var messages: MessageSet?
        var key: String?
        /// So many attempts get it; nil is all.
        var times: Int?
        var answer = Answer()
    }

    /// What it takes.
    struct Capacity: Sendable {
        /// Requests a second, with so many saved up.
        var rate: Double?
        var burst = 1
        /// What those get that are too many.
        var beyond = Answer(status: 429)
        /// So many are worked on at once; others wait.
        var atOnce: Int?
    }

    var usual = Answer()
    /// The first that fits counts.
    var rules: [Rule] = []
    var capacity = Capacity()
}

/// Some messages, by number or name.
struct MessageSet: Sendable {
    enum Element: Sendable {
        case numbers(ClosedRange<Int>)
        case name(String)
    }

    var elements: [Placed<Element>]

    func contains(_ message: ScenarioMessage) -> Bool {
        elements.contains { element in
            switch element.value {
            case .numbers(let range): range.contains(message.number)
            case .name(let name): message.name == name
            }
        }
    }
}
