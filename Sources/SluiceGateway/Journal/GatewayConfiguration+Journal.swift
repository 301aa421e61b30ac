import Logging
import Sluice

extension GatewayConfiguration {
    static let journalSettings: [ConfigurationSetting] = [
        .init(
            "journalRetention",
            ConfigurationOption(
                "retention", "JOURNAL_RETENTION", .days(0...36_500), default: "7", example: .hint("7"),
                "How long the journal keeps each attempt, for `sluice why` and the status page; `0`: there is no journal"
            ),
            \.journalRetention),
        .init(
            "journalBytes",
            ConfigurationOption(
                "size", "JOURNAL_BYTES", .bytes(1_000_000...1 << 50), default: "256MiB", example: .hint("256MiB"),
                "How much the journal may take up on the disk, such as `1GiB`; then the oldest attempts go"),
            \.journalBytes),
    ]
}

extension Journal {
    /// The journal that the configuration asks for; nil where it asks for none.
    static func make(
        _ configuration: GatewayConfiguration, _ path: String, _ instruments: Instruments,
        isDoubted: @escaping @Sendable () -> Bool, logger: Logger
    ) -> Journal? {
        guard configuration.journalRetention > .zero else { return nil }
        return Journal(
            path: path, bytes: configuration.journalBytes, retention: configuration.journalRetention,
            pace: configuration.pace.journal, instruments, isDoubted: isDoubted, logger: logger)
    }
}
