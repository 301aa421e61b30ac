import Foundation
import Sluice

/// Prints one readable line an event to standard output, for a gateway without Grafana and Slack.
enum ConsoleSink {
    static func make() -> EventSink {
        EventSink("console") { event, _ in
            try FileHandle.standardOutput.write(contentsOf: Data((ConsoleLine.text(of: event) + "\n").utf8))
        }
    }
}
