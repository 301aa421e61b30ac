public import Sluice

/// Which broker to talk to, and how. Shared by publishers and subscribers.
///
/// ```swift
/// let rabbit = AMQPConfiguration(
///     hosts: [.init("r1"), .init("r2")], vhost: "shop", username: "sluice", password: password)
/// ```
///
/// Nothing that prints it shows a credential.
public struct AMQPConfiguration: Sendable {
    /// Where a broker listens.
    public struct Host: Sendable, Hashable, CustomStringConvertible {
        public var name: String
        public var port: UInt16

        public init(_ name: String, port: UInt16 = 5672) {
            self.name = name
            self.port = port
        }

        public var description: String { name.contains(":") ? "[\(name)]:\(port)" : "\(name):\(port)" }
    }

    /// The nodes of one broker, which are tried in turn. At least one. Default: `localhost:5672`.
    public var hosts: [Host]
    /// The virtual host. Default `/`.
    public var vhost: String
    /// Who this program is to the broker (SASL PLAIN). Default `guest`, which a broker lets in from its own machine
    /// only.
    public var username: String
    /// Default `guest`.
    public var password: String
    /// How connections are encrypted; nil, the default, leaves them in clear text.
    public var tls: TLS?
    /// After how much silence the connection counts as dead is twice this; both sides send something at least this
    /// often. Whole seconds from 1 to 65535; zero asks for none. Default 30 s; the broker may ask for less.
    public var heartbeat: Duration
    /// How long a host may take until it has let this program in. Default 10 s; from 10 ms to an hour.
    public var connectTimeout: Duration
    /// How long the broker may take to answer a request other than a publish, such as the declaration of a queue, and
    /// over TLS to read a frame that is written to it. Default 20 s; from 10 ms to an hour.
    public var requestTimeout: Duration
    /// How many channels a connection may have. Default 2047; the broker may allow fewer.
    public var channelMax: UInt16
    /// The largest frame in bytes. Default 128 KiB; from 4096 to 1 MiB; the broker may ask for less.
    public var frameMax: Int
    /// What the broker's management shows the connection as. Default `sluice`.
    public var connectionName: String
    /// How long to wait before the next attempt when no host could be reached, and for how much longer each time.
    /// Attempts never end. Default: from 100 ms to 10 s, with full jitter.
    public var reconnect: Backoff

    /// A broker on this machine, with RabbitMQ's defaults.
    public init(
        hosts: [Host] = [Host("localhost")],
        vhost: String = "/",
        username: String = "guest",
        password: String = "guest",
        tls: TLS? = nil,
        heartbeat: Duration = .seconds(30),
        connectTimeout: Duration = .seconds(10),
        requestTimeout: Duration = .seconds(20),
        channelMax: UInt16 = 2047,
        frameMax: Int = 131_072,
        connectionName: String = "sluice",
        reconnect: Backoff = .exponential(from: .milliseconds(100), upTo: .seconds(10))
    ) {
        self.hosts = hosts
        self.vhost = vhost
        self.username = username
        self.password = password
        self.tls = tls
        self.heartbeat = heartbeat
        self.connectTimeout = connectTimeout
        self.requestTimeout = requestTimeout
        self.channelMax = channelMax
        self.frameMax = frameMax
        self.connectionName = connectionName
        self.reconnect = reconnect
    }

    /// Encrypted connections.
    ///
    /// librabbitmq writes to them and reads from them, with two limits that clear text does not have. A write waits for
    /// a broker that does not read, and nothing else happens on that connection meanwhile; after
    /// ``AMQPConfiguration/requestTimeout`` the connection is ended, and made again. And a message whose properties
    /// cannot be decoded, which RabbitMQ takes from no publisher, ends the connection instead of becoming a delivery
    /// that fails.
    public struct TLS: Sendable {
        /// A file of certificates in PEM that sign the broker's. Nil, the default, trusts the system's.
        public var certificateAuthorities: String?
        /// This program's own certificate in PEM and its key, for brokers that ask for one. Default: none.
        public var certificate: String?
        public var key: String?
        /// What the key's file is encrypted with. Default: nothing.
        public var keyPassword: String?
        /// Whether the broker's certificate has to be signed by an authority that is trusted. Default true.
        public var verifiesPeer: Bool
        /// Whether the broker's certificate has to be for the host that was asked for. Default true.
        public var verifiesHostname: Bool

        public init(
            certificateAuthorities: String? = nil,
            certificate: String? = nil,
            key: String? = nil,
            keyPassword: String? = nil,
            verifiesPeer: Bool = true,
            verifiesHostname: Bool = true
        ) {
            self.certificateAuthorities = certificateAuthorities
            self.certificate = certificate
            self.key = key
            self.keyPassword = keyPassword
            self.verifiesPeer = verifiesPeer
            self.verifiesHostname = verifiesHostname
        }
    }

    func validate() throws(ConfigurationError) {
        try ConfigurationCheck.all(of: "AMQPConfiguration") { check in
            check("hosts", !hosts.isEmpty, expected: "at least one")
            for (index, host) in hosts.enumerated() {
                check(
                    "hosts[\(index)].name", Self.isText(host.name, upTo: 255) && !host.name.isEmpty,
                    expected: "a host's name")
                check("hosts[\(index)].port", host.port, in: 1...65_535)
            }
            for (field, text, limit) in [
                ("vhost", vhost, 255), ("username", username, 4_096), ("password", password, 65_536),
                ("connectionName", connectionName, 1_024),
            ] {
                check(field, Self.isText(text, upTo: limit), expected: "at most \(limit) bytes without NUL")
            }
            check("heartbeat", heartbeat, in: .zero ... .seconds(65_535))
            check(
                "heartbeat", heartbeat.components.attoseconds == 0, expected: "whole seconds", value: "\(heartbeat)")
            check("connectTimeout", connectTimeout, in: .milliseconds(10) ... .seconds(3_600))
            check("requestTimeout", requestTimeout, in: .milliseconds(10) ... .seconds(3_600))
            check("channelMax", channelMax, in: 8...)
            check("frameMax", frameMax, in: 4_096...1_048_576)
            check.include { () throws(ConfigurationError) in try reconnect.validate("AMQPConfiguration.reconnect") }
            check("reconnect.initial", reconnect.initial, in: .milliseconds(1)...)
            check(
                "reconnect.maximum", reconnect.maximum, in: reconnect.initial...max(reconnect.initial, .seconds(86_400))
            )
            check(
                "tls.key", (tls?.certificate == nil) == (tls?.key == nil), expected: "together with tls.certificate")
        }
    }

    private static func isText(_ text: String, upTo limit: Int) -> Bool {
        text.utf8.count <= limit && !text.utf8.contains(0)
    }
}

extension AMQPConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String {
        "\(hosts.map(\.description).joined(separator: ", ")), virtual host \(vhost), \(tls == nil ? "clear text" : "TLS")"
    }

    public var debugDescription: String { description }

    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension AMQPConfiguration.TLS: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "TLS" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
