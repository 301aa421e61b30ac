public import Logging
public import Sluice

extension LoggingSystem {
    /// Sends every logger of the process to standard error as the configuration wants, and counts the lines.
    public static func bootstrap(_ configuration: GatewayConfiguration, _ instruments: Instruments) {
        let output = LogOutput(format: configuration.logFormat, onLine: LogOutput.counting(instruments))
        bootstrap { label in
            LineLogHandler(label: label, output: output, level: configuration.logLevel)
        }
    }
}

extension LogOutput {
    /// Counts the lines of each level.
    package static func counting(_ instruments: Instruments) -> @Sendable (Logger.Level) -> Void {
        let lines = Dictionary(
            uniqueKeysWithValues: Logger.Level.allCases.map { level in
                (level, instruments.counter(.logLines, [("level", level.rawValue)]))
            })
        return { level in lines[level]?.increment() }
    }
}
