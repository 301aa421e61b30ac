/// Options of the process that are read elsewhere too.
enum ProcessOptions {
    static let bindAddress = ConfigurationOption(
        "bind", "BIND_ADDR", .address, default: "127.0.0.1:8080", example: .set("127.0.0.1:8080"),
        "Where webhooks are taken in; `:8080` means all interfaces, and then needs secrets and tokens")
    static let metricsBindAddress = ConfigurationOption(
        "metrics_bind", "METRICS_BIND_ADDR", .address, default: "127.0.0.1:8081", example: .set("127.0.0.1:8081"),
        "Where the status page, `/status.json`, `/metrics`, `/healthz` and `/readyz` are served")
    static let data = ConfigurationOption(
        "data", "SLUICE_DATA", .path, default: "./sluice-data", example: .hint("./sluice-data"),
        "The directory of the embedded log, and of what was handled and deployed")
    static let allowUnsigned = ConfigurationOption(
        "allow_unsigned", "SLUICE_ALLOW_UNSIGNED", .boolean, default: "false", example: .hint("true"),
        "Take requests without secret or token from everyone, and listen beyond loopback without them")
    static let configuration = ConfigurationOption(
        "config", "SLUICE_CONFIG", .path, example: .hint("/etc/sluice/sluice.yaml"),
        """
        The configuration file, or a directory of such files, such as `/etc/sluice/sluice.yaml`; unset: `./sluice.yaml` when it is \
        there, else these variables
        """)
    static let retention = ConfigurationOption(
        "retention", "EVENT_RETENTION", .days(0.01...36_500), example: .hint("365"),
        """
        How long events are kept: by the embedded log, and by Kafka's topics when Sluice creates them; unset: for ever
        """)
    static let metricsToken = ConfigurationOption(
        "metrics_token", "METRICS_TOKEN", .token, isSecret: true, example: .hint(""),
        """
        What Prometheus and people have to show to see metrics and status, as Bearer or as the password of Basic; `/healthz` and \
        `/readyz` stay open
        """)
    static let statusHosts = ConfigurationOption(
        "status_hosts", "STATUS_HOSTS", .hosts, example: .hint("sluice.example.org"),
        """
        The names, with commas between them, by which browsers reach the status page, beside addresses, `localhost` and this \
        machine's name; any other is refused
        """)
}
