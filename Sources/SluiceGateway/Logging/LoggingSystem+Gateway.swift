public import Logging
public import Sluice

extension LoggingSystem {
    /// Sends every logger of the process to standard error as the configuration wants, and counts the lines.
    public static func bootstrap(_ configuration: GatewayConfiguration, _ instruments: Instruments) {
        let lines = Dictionary(
            uniqueKeysWithValues: Logger.Level.allCases.map { level in
                (level, instruments.counter(.logLines, [("level", level.rawValue)]))
            })
        let output = LogOutput(format: configuration.logFormat) { level in lines[level]?.increment() }
        bootstrap { label in
            LineLogHandler(label: label, output: output, level: configuration.logLevel)
        }
    }
}
