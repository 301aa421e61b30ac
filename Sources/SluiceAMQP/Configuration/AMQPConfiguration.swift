public import Sluice

/// Which broker to talk to, and how. Shared by publishers and subscribers.
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
    public var hosts: [Host] = [Host("localhost")]
    /// The virtual host. Default `/`.
    public var vhost = "/"
    /// Who this program is to the broker (SASL PLAIN). Default `guest`, which a broker lets in from its own machine
    /// only.
    public var username = "guest"
    /// Default `guest`.
    public var password = "guest"
    /// How connections are encrypted; nil, the default, leaves them in clear text.
    public var tls: TLS?
    /// After how much silence the connection counts as dead is twice this; both sides send something at least this
    /// often. Whole seconds from 1 to 65535; zero asks for none. Default 30 s; the broker may ask for less.
    public var heartbeat: Duration = .seconds(30)
    /// How long a host may take until it has let this program in. Default 10 s; from 10 ms to an hour.
    public var connectTimeout: Duration = .seconds(10)
    /// How long the broker may take to answer a request other than a publish, such as the declaration of a queue, and
    /// over TLS to read a frame that is written to it. Default 20 s; from 10 ms to an hour.
    public var requestTimeout: Duration = .seconds(20)
    /// How many channels a connection may have. Default 2047; the broker may allow fewer.
    public var channelMax: UInt16 = 2047
    /// The largest frame in bytes. Default 128 KiB; from 4096 to 1 MiB; the broker may ask for less.
    public var frameMax = 131_072
    /// What the broker's management shows the connection as. Default `sluice`.
    public var connectionName = "sluice"
    /// How long to wait before the next attempt when no host could be reached, and for how much longer each time.
    /// Attempts never end. Default: from 100 ms to 10 s, with full jitter.
    public var reconnect: Backoff = .exponential(from: .milliseconds(100), upTo: .seconds(10))

    /// A broker on this machine, with RabbitMQ's defaults.
    public init() {}

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
        public var verifiesPeer = true
        /// Whether the broker's certificate has to be for the host that was asked for. Default true.
        public var verifiesHostname = true

        public init(certificateAuthorities: String? = nil) {
            self.certificateAuthorities = certificateAuthorities
        }
    }

    func validate() throws(AMQPError) {
        func require(_ condition: Bool, _ detail: String) throws(AMQPError) {
            if !condition { throw AMQPError(.invalidConfiguration, detail) }
        }
        try require(!hosts.isEmpty, "hosts is empty")
        for host in hosts {
            try require(Self.isText(host.name, upTo: 255) && !host.name.isEmpty, "hosts: a name is not a host's")
            try require(host.port > 0, "hosts: port 0")
        }
        try require(Self.isText(vhost, upTo: 255), "vhost is longer than 255 bytes or holds a NUL")
        try require(Self.isText(username, upTo: 4_096), "username is too long or holds a NUL")
        try require(Self.isText(password, upTo: 65_536), "password is too long or holds a NUL")
        try require(Self.isText(connectionName, upTo: 1_024), "connectionName is too long or holds a NUL")
        try require(heartbeat >= .zero && heartbeat <= .seconds(65_535), "heartbeat must be from 0 to 65535 s")
        for (name, value) in [("connectTimeout", connectTimeout), ("requestTimeout", requestTimeout)] {
            try require(
                value >= .milliseconds(10) && value <= .seconds(3_600), "\(name) must be from 10 ms to an hour")
        }
        try require(channelMax >= 8, "channelMax must be at least 8")
        try require(frameMax >= 4_096 && frameMax <= 1 << 20, "frameMax must be from 4096 to 1 MiB")
        try require(
            reconnect.initial >= .milliseconds(1) && reconnect.maximum >= reconnect.initial
                && reconnect.maximum <= .seconds(86_400) && reconnect.multiplier >= 1 && reconnect.multiplier.isFinite,
            "reconnect must begin at 1 ms or more and never shrink")
        if let tls {
            try require((tls.certificate == nil) == (tls.key == nil), "tls.certificate and tls.key go together")
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
