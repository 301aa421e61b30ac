import Sluice

/// Prints one readable line an event to standard output, for a gateway without Grafana and Slack.
enum ConsoleSink {
    static func make() -> EventSink {
        let output = ConsoleOutput()
        return EventSink("console") { event, _ in
            try await output.write(Array((ConsoleLine.text(of: event) + "\n").utf8))
        }
    }
}
