public import Sluice

extension Snapshot {
    /// What to say of the gateway as a whole.
    public struct Verdict: Codable, Sendable, Equatable {
        /// ``Level/well``, ``Level/degraded``, ``Level/draining`` or ``Level/notReady``.
        public var level: Level
        /// One line: the gravest problem, or that there is none.
        public var text: String
        /// Whether webhooks are taken in, as `/readyz` says.
        public var isReady: Bool
        /// The gravest first. The texts are those of `/readyz`.
        public var problems: [Problem] = []
    }

    /// How well it is.
    public struct Level: RawRepresentable, Codable, Hashable, Sendable {
        public let rawValue: String

        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// Nothing needs a person.
        public static let well = Level(rawValue: "well")
        /// Webhooks are taken in, and something is not as it should be.
        public static let degraded = Level(rawValue: "degraded")
        /// It ends: what is in hand is finished.
        public static let draining = Level(rawValue: "draining")
        /// Webhooks are not taken in.
        public static let notReady = Level(rawValue: "not_ready")
    }

    /// What is not as it should be.
    public struct Problem: Codable, Sendable, Equatable {
        /// `error`: webhooks are kept out. `warning`: something is not delivered. `notice`: worth knowing.
        public var severity: Severity
        public var text: String
        /// The box that it is about: `sinks.slack`, `sources.github`, `queue`, `poison`; nil for the gateway as a whole.
        public var subject: String?
        /// Since when, as far as that is known.
        public var since: Timestamp?
        /// When it is tried again.
        public var until: Timestamp?
        /// How many messages wait because of it.
        public var waiting: Int64?
        public var remedy: Remedy?
    }

    /// How bad a problem is.
    public struct Severity: RawRepresentable, Codable, Hashable, Sendable {
        public let rawValue: String

        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        public static let error = Severity(rawValue: "error")
        public static let warning = Severity(rawValue: "warning")
        public static let notice = Severity(rawValue: "notice")
    }

    /// What a person can do about a problem.
    public struct Remedy: Codable, Sendable, Equatable {
        /// One sentence.
        public var text: String
        /// The keys of the file's line to change: `destinations.slack.throttle.rate`; nil where no line helps.
        public var key: String?
        /// What is in force there now.
        public var value: String?
        /// What to write there; nil where that is the person's to decide.
        public var suggestion: String?
        /// Where that stands: `sluice.yaml:12`; `built-in` where the line is still to be written.
        public var origin: String?
        /// What to type; nil where no command helps.
        public var command: String?
    }
}
