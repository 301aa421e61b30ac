public import Foundation

/// A RabbitMQ of this process's own: Debian's rabbitmq-server on free loopback ports, with a directory, an Erlang
/// cookie and an epmd of its own, so that runs on one machine know nothing of each other.
///
/// ```swift
/// let rabbit = try await RabbitMQBroker.shared()  // one for all tests of the process
/// let publisher = try AMQPPublisher(AMQPConfiguration(uri: rabbit.uri()))
/// ```
///
/// All of it ends with the last reference, and with this process at the latest, even when that is killed.
public final class RabbitMQBroker: Sendable {
    /// What the broker is started with.
    public struct Configuration: Sendable {
        /// Where the broker's directory is made. Default: the system's temporary directory; a benchmark wants a disk.
        public var parent: URL = FileManager.default.temporaryDirectory
        /// Whether it listens for TLS too, with certificates that `openssl` makes. Default false.
        public var isSecured = false

        public init() {}
    }

    /// What a broker or `rabbitmqctl` said when it failed.
    public struct Failed: Error, CustomStringConvertible {
        public let description: String
    }

    /// Whether this machine has rabbitmq-server: `make test` sees to that.
    public static var isInstalled: Bool { RabbitMQInstallation.scripts != nil }

    /// The port for `amqp`. It stays the same over restarts, and is none that the system gives to clients.
    public let port: UInt16
    /// The port for `amqps`; nothing listens there unless ``Configuration/isSecured``.
    public let tlsPort: UInt16
    /// The broker's own; it goes with the broker.
    public let directory: URL

    /// A file with the authority that has signed the broker's certificate, which is for `localhost`.
    public var authority: String { certificates.authority }
    /// A file with an authority that has signed nothing of the broker's.
    public var strangeAuthority: String { certificates.stranger }

    private let certificates: TestCertificates
    private let isSecured: Bool
    private let scripts: URL
    private let environment: [String: String]
    private let keeper: BrokerKeeper
    private let keptPorts: [KeptPort]

    /// Prepares a broker that does not run yet.
    public init(_ configuration: Configuration = Configuration()) throws {
        guard let scripts = RabbitMQInstallation.scripts else {
            throw Failed(description: "rabbitmq-server is not installed")
        }
        keptPorts = try FreePorts.take(4)
        let ports = keptPorts.map(\.number)
        (port, tlsPort) = (ports[0], ports[1])
        let directory = configuration.parent.appendingPathComponent("sluice-rabbitmq-\(UUID().uuidString)")
        let certificates = TestCertificates(directory: directory.appendingPathComponent("tls"))
        self.certificates = certificates
        isSecured = configuration.isSecured
        let installation = RabbitMQInstallation(
            directory: directory, port: ports[0], tlsPort: ports[1], distributionPort: ports[2], epmdPort: ports[3],
            certificates: configuration.isSecured ? certificates : nil)
        try installation.write()
        self.directory = directory
        self.scripts = scripts
        environment = installation.environment
        do {
            keeper = try BrokerKeeper(
                server: scripts.appendingPathComponent("rabbitmq-server"), directory: directory,
                environment: installation.environment)
        } catch {
            try? FileManager.default.removeItem(at: directory)
            throw error
        }
    }

    /// The broker that the tests of this process share, started by the first of them.
    public static func shared() async throws -> RabbitMQBroker {
        try await sharedStart.value
    }

    private static let sharedStart = Task {
        let broker = try RabbitMQBroker()
        try await broker.start()
        return broker
    }

    /// Starts it, with the data that it had, and returns when it answers: after about 5 s of two processors' time, which
    /// it may not get when others start beside it.
    public func start() async throws {
        if isSecured { try await certificates.make() }
        try await keeper.perform(.start)
        let end = ContinuousClock.now.advanced(by: .seconds(180))
        var attempts = 1
        while !LoopbackPort.speaksAMQP(port) {
            if attempts < 3, hasGivenUp() {
                attempts += 1
                try await keeper.perform(.start)
            }
            guard ContinuousClock.now < end else { throw Failed(description: "RabbitMQ did not start: \(log)") }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// Whether it has said that it does not start, as where a connection that ends still has one of its ports. It is asked once.
    private func hasGivenUp() -> Bool {
        let console = directory.appendingPathComponent("console.log")
        guard let text = try? String(contentsOf: console, encoding: .utf8), text.contains("BOOT FAILED") else {
            return false
        }
        return (try? FileManager.default.removeItem(at: console)) != nil
    }

    /// Ends it in good order, as `systemctl stop` would.
    public func stop() async throws {
        try await keeper.perform(.stop)
    }

    /// Ends it as a crash would: with SIGKILL.
    public func kill() async throws {
        try await keeper.perform(.kill)
    }

    /// Crashes it, and starts it again.
    public func restart() async throws {
        try await kill()
        try await start()
    }

    /// The process of the broker while it runs.
    public var processIdentifier: Int32? { keeper.broker }

    /// Runs `rabbitmqctl`, such as `control("delete_queue", "orders")`: about 1 s.
    /// - Returns: what it printed.
    /// - Throws: ``Failed`` when it failed.
    @discardableResult
    public func control(_ arguments: String...) async throws -> String {
        let program = scripts.appendingPathComponent("rabbitmqctl").path
        let (status, output) = try await ToolRun.output([program, "--quiet"] + arguments, environment: environment)
        guard status == 0 else {
            throw Failed(description: "rabbitmqctl \(arguments.joined(separator: " ")): \(output)")
        }
        return output
    }

    /// Where a client finds it.
    /// - Parameters:
    ///   - user: as it is named.
    ///   - password: the user's.
    ///   - tls: whether by `amqps`.
    ///   - virtualHost: as it is named; it is percent-encoded here.
    ///   - options: what follows the question mark.
    public func uri(
        user: String = "guest", password: String = "guest", virtualHost: String = "/", tls: Bool = false,
        options: String = ""
    ) -> String {
        let host = virtualHost.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? virtualHost
        return (tls ? "amqps" : "amqp") + "://\(user):\(password)@\(tls ? "localhost" : "127.0.0.1"):"
            + "\(tls ? tlsPort : port)/\(host)" + (options.isEmpty ? "" : "?\(options)")
    }

    /// The end of what the broker has logged, for a test that fails.
    public var log: String {
        let files = ["console.log", "log/rabbit.log"].map { directory.appendingPathComponent($0) }
        let texts = files.map { (try? String(contentsOf: $0, encoding: .utf8)) ?? "" }
        return texts.map { String($0.suffix(4_000)) }.joined(separator: "\n")
    }
}
