public import Logging
public import Sluice

extension LoggingSystem {
    /// Sends every logger of the process to standard error as the configuration wants, and counts the lines.
    /// - Returns: what to flush before the process ends.
    public static func bootstrap(_ configuration: GatewayConfiguration, _ instruments: Instruments) -> LogOutput {
        let output = LogOutput(format: configuration.logFormat, observer: .counting(instruments))
        bootstrap { label in
            LineLogHandler(label: label, output: output, level: configuration.logLevel)
        }
        return output
    }
}

extension LogOutput.Observer {
    /// Counts the lines of each level, and those that are dropped.
    package static func counting(_ instruments: Instruments) -> Self {
        let lines = Dictionary(
            uniqueKeysWithValues: Logger.Level.allCases.map { level in
                (level, instruments.counter(.logLines, [("level", level.rawValue)]))
            })
        let dropped = instruments.counter(.logLinesDropped)
        var observer = Self()
        observer.line = { level in lines[level]?.increment() }
        observer.dropped = { dropped.increment() }
        return observer
    }
}

extension Metric {
    static let logLines = counter(
        "sluice_log_lines_total",
        labels: [
            Label("level", "the level", values: ["trace", "debug", "info", "notice", "warning", "error", "critical"])
        ],
        help: "Lines logged.")
    static let logLinesDropped = counter(
        "sluice_log_lines_dropped_total",
        help: "Lines that are missing in the log: its reader had stopped, or it could not be written.")
}
