import Foundation

/// What one node of RabbitMQ needs on disk and in its environment
/// (<https://www.rabbitmq.com/docs/configure#supported-environment-variables>).
struct RabbitMQInstallation {
    let directory: URL
    let port: UInt16
    let tlsPort: UInt16
    let distributionPort: UInt16
    let epmdPort: UInt16
    let certificates: TestCertificates?

    /// Debian's scripts in `/usr/sbin` change to another user; these, which they call, run as the user that calls them.
    static let scripts: URL? = {
        let versions = URL(fileURLWithPath: "/usr/lib/rabbitmq/lib")
        let names = (try? FileManager.default.contentsOfDirectory(atPath: versions.path)) ?? []
        return names.sorted().map { versions.appendingPathComponent("\($0)/sbin") }
            .last { FileManager.default.isExecutableFile(atPath: $0.appendingPathComponent("rabbitmq-server").path) }
    }()

    var environment: [String: String] {
        [
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "HOME": directory.path,
            "ERL_EPMD_PORT": "\(epmdPort)",
            "RABBITMQ_NODENAME": "rabbit@localhost",
            "RABBITMQ_DIST_PORT": "\(distributionPort)",
            "RABBITMQ_MNESIA_BASE": path("data"),
            "RABBITMQ_LOG_BASE": path("log"),
            "RABBITMQ_LOGS": path("log/rabbit.log"),
            "RABBITMQ_CONFIG_FILE": path("rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": path("plugins"),
            // The machine's own, if it has one, is for its own broker.
            "RABBITMQ_CONF_ENV_FILE": path("none"),
            // Makes the script become the broker instead of waiting for it, so that its pid is the broker's.
            "RABBITMQ_ALLOW_INPUT": "1",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-noinput -kernel inet_dist_use_interface {127,0,0,1}",
            // Erlang's schedulers spin before they sleep, unless told otherwise: a fifth of what a start costs.
            "ERL_AFLAGS": "+sbwt none +sbwtdcpu none +sbwtdio none",
        ]
    }

    private var settings: [String] {
        var lines = [
            "listeners.tcp.1 = 127.0.0.1:\(port)",
            "disk_free_limit.absolute = 1MB",
        ]
        if let certificates {
            lines += [
                "listeners.ssl.1 = 127.0.0.1:\(tlsPort)",
                "ssl_options.cacertfile = \(certificates.authority)",
                "ssl_options.certfile = \(certificates.certificate)",
                "ssl_options.keyfile = \(certificates.key)",
                "ssl_options.verify = verify_none",
            ]
        }
        return lines
    }

    func write() throws {
        for name in ["data", "log"] {
            try FileManager.default.createDirectory(
                at: directory.appendingPathComponent(name), withIntermediateDirectories: true)
        }
        try write(settings.map { $0 + "\n" }.joined(), to: "rabbitmq.conf")
        try write("[].\n", to: "plugins")
    }

    private func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: directory.appendingPathComponent(name))
    }

    private func path(_ name: String) -> String {
        directory.appendingPathComponent(name).path
    }
}
