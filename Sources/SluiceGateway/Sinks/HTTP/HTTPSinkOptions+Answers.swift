extension HTTPSinkOptions {
    /// What the statuses of a receiver's answers mean. A status of its own counts before a class of them; one that stands
    /// nowhere holds the sink until a person has mended what is wrong.
    public struct Answers: Sendable, Hashable {
        /// The receiver has the event.
        public var success: [Status]
        /// The receiver can never take this event: it goes to the poison queue.
        public var poison: [Status]
        /// It is tried again, after the time in `Retry-After` if there is one. 429 asks to slow down.
        public var retry: [Status]

        public init(success: [Status] = ["2xx"], poison: [Status] = [422], retry: [Status] = standardRetry) {
            self.success = success
            self.poison = poison
            self.retry = retry
        }

        /// 408, 425, 429 and 5xx.
        public static let standardRetry: [Status] = [408, 425, 429, "5xx"]

        /// 2xx is success; 422 speaks of the event; 408, 425, 429 and 5xx pass. Everything else holds the sink: a wrong token or
        /// address, a body that the receiver does not understand, the limits of a proxy.
        public static let standard = Answers()
    }

    /// A status of HTTP, `429`, or a class of them, `"5xx"`.
    public struct Status: Sendable, Hashable, CustomStringConvertible {
        let statuses: ClosedRange<Int>

        /// - Returns: nil for anything but a number from 200 to 599 and `2xx` to `5xx`.
        public init?(_ text: String) {
            if text.utf8.count == 3, text.hasSuffix("xx"), let digit = Int(text.prefix(1)), (2...5).contains(digit) {
                statuses = digit * 100...digit * 100 + 99
            } else if text.utf8.count == 3, let status = NumberText.integer(text), (200...599).contains(status) {
                statuses = status...status
            } else {
                return nil
            }
        }

        var isClass: Bool { statuses.count > 1 }

        public var description: String {
            isClass ? "\(statuses.lowerBound / 100)xx" : "\(statuses.lowerBound)"
        }
    }

    /// What a status means.
    enum Verdict: Sendable {
        case success, poison, retry, hold
    }
}

extension HTTPSinkOptions.Status: ExpressibleByIntegerLiteral, ExpressibleByStringLiteral {
    /// A status that there is not matches nothing, and is refused when the sink is made.
    public init(integerLiteral status: Int) {
        statuses = status...status
    }

    public init(stringLiteral text: String) {
        self = Self(text) ?? Self(integerLiteral: 0)
    }

    var isPossible: Bool { statuses.lowerBound >= 200 && statuses.upperBound <= 599 }
}

extension HTTPSinkOptions.Answers {
    func verdict(_ status: Int) -> HTTPSinkOptions.Verdict {
        let lists: [(HTTPSinkOptions.Verdict, [HTTPSinkOptions.Status])] = [
            (.success, success), (.poison, poison), (.retry, retry),
        ]
        for isClass in [false, true] {
            for (verdict, statuses) in lists
            where statuses.contains(where: { $0.isClass == isClass && $0.statuses.contains(status) }) {
                return verdict
            }
        }
        return .hold
    }

    /// The first status that stands in the lists twice.
    var duplicate: HTTPSinkOptions.Status? {
        var seen: Set<HTTPSinkOptions.Status> = []
        return (success + poison + retry).first { !seen.insert($0).inserted }
    }
}
