public import Logging
public import Sluice

extension LoggingSystem {
    /// Sends every logger of the process to standard error as the configuration wants, and counts the lines.
    /// - Returns: what to flush before the process ends.
    public static func bootstrap(_ configuration: GatewayConfiguration, _ instruments: Instruments) -> LogOutput {
        var observer = LogOutput.Observer()
        observer.line = LogOutput.counting(instruments)
        let dropped = instruments.counter(.logLinesDropped)
        observer.dropped = { dropped.increment() }
        let output = LogOutput(format: configuration.logFormat, observer: observer)
        bootstrap { label in
            LineLogHandler(label: label, output: output, level: configuration.logLevel)
        }
        return output
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
