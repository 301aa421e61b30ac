import Sluice

/// Which cluster to talk to, and how. Shared by publishers, subscribers and ``KafkaTopics``.
///
/// ```swift
/// let kafka = KafkaConfiguration(
///     brokers: ["k1:9092", "k2:9092"], tls: .init(), sasl: .init(.scramSHA512, username: "sluice", password: password))
/// ```
///
/// Nothing that prints it shows a credential or the value of a property.
public struct KafkaConfiguration: Sendable {
    /// Where to begin: `host:port` of some brokers; the rest is learned from these. At least one.
    public var brokers: [String]
    /// What brokers' logs and quotas call this program (`client.id`). Default `sluice`.
    public var clientID: String
    /// How connections are encrypted; nil, the default, leaves them in clear text.
    public var tls: TLS?
    /// How this program proves itself to the brokers; nil, the default, sends no credentials.
    public var sasl: SASL?
    /// How often the figures of ``KafkaStatistics`` are taken (`statistics.interval.ms`). Default 1 s; from 100 ms to
    /// a day. The connection's state is seen to recover no later than this.
    public var statisticsInterval: Duration
    /// Any of librdkafka's properties by its name, such as `socket.keepalive.enable`
    /// (<https://github.com/confluentinc/librdkafka/blob/v2.0.2/CONFIGURATION.md>). They win over everything that is
    /// set here or by the options of a publisher or subscriber. Default: none.
    public var properties: [String: String]
    /// Shared by all that copies of it are given to: of one outage they tell once.
    let diary = FailureDiary()

    public init(
        brokers: [String],
        clientID: String = "sluice",
        tls: TLS? = nil,
        sasl: SASL? = nil,
        statisticsInterval: Duration = .seconds(1),
        properties: [String: String] = [:]
    ) {
        self.brokers = brokers
        self.clientID = clientID
        self.tls = tls
        self.sasl = sasl
        self.statisticsInterval = statisticsInterval
        self.properties = properties
    }

    /// Encrypted connections.
    public struct TLS: Sendable {
        /// A file of certificates in PEM, or a directory of them, that sign the brokers'
        /// (`ssl.ca.location`). Nil, the default, trusts the system's.
        public var certificateAuthorities: String?
        /// This program's own certificate in PEM and its key, for brokers that ask for one
        /// (`ssl.certificate.location`, `ssl.key.location`). Default: none.
        public var certificate: String?
        public var key: String?
        /// What the key's file is encrypted with (`ssl.key.password`). Default: nothing.
        public var keyPassword: String?
        /// Whether the broker's certificate has to be for the host that was asked for. Default true.
        public var verifiesHostname: Bool

        public init(
            certificateAuthorities: String? = nil,
            certificate: String? = nil,
            key: String? = nil,
            keyPassword: String? = nil,
            verifiesHostname: Bool = true
        ) {
            self.certificateAuthorities = certificateAuthorities
            self.certificate = certificate
            self.key = key
            self.keyPassword = keyPassword
            self.verifiesHostname = verifiesHostname
        }
    }

    /// A name and a password, and how they are proven.
    public struct SASL: Sendable {
        /// How the password is proven.
        public struct Mechanism: Sendable, Hashable {
            /// As the protocol names it.
            public let name: String

            /// In clear text (RFC 4616): over TLS only.
            public static let plain = Mechanism(name: "PLAIN")
            /// By a salted challenge (RFC 7677).
            public static let scramSHA256 = Mechanism(name: "SCRAM-SHA-256")
            /// By a salted challenge with SHA-512.
            public static let scramSHA512 = Mechanism(name: "SCRAM-SHA-512")
        }

        public var mechanism: Mechanism
        public var username: String
        let password: String

        public init(_ mechanism: Mechanism, username: String, password: String) {
            self.mechanism = mechanism
            self.username = username
            self.password = password
        }
    }
}

extension KafkaConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String {
        let names = properties.keys.sorted().joined(separator: ", ")
        return """
            brokers \(brokers.joined(separator: ", ")) as \(clientID), \(tls == nil ? "clear text" : "TLS"), \
            \(sasl.map { "SASL \($0.mechanism.name)" } ?? "no SASL")\(names.isEmpty ? "" : ", properties \(names)")
            """
    }

    public var debugDescription: String { description }

    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension KafkaConfiguration.TLS: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "TLS" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension KafkaConfiguration.SASL: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "SASL \(mechanism.name)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
