import Sluice

@testable import SluiceGateway

/// A snapshot of a gateway with one source and some sinks.
enum StubSnapshot {
    static let time = Timestamp(millisecondsSince1970: 1_767_323_045_678)

    static func make(_ names: [String] = ["grafana", "slack"]) -> Snapshot {
        var snapshot = Snapshot(
            time: time, verdict: .init(level: .well, text: "all is well: nothing waits", isReady: true),
            build: .init(version: "1.2.3", swift: "6.3", started: time.advanced(by: .seconds(-7_300))),
            queue: .init(kind: "log", topic: "events", bytes: 1 << 20, diskFree: 1 << 35),
            poison: .init(topic: "poison"), configuration: .init(file: "/etc/sluice/sluice.yaml", loaded: time))
        snapshot.sources = [
            .init(name: "github", kind: "github", routes: ["github-to-log"], paths: ["/webhooks/github"])
        ]
        snapshot.sinks = names.map {
            .init(name: $0, kind: "slack", group: "log-to-\($0)", destination: $0, inFlightLimit: 1)
        }
        snapshot.destinations = names.map { name in
            var destination = Snapshot.Destination(name: name)
            destination.policy = [
                .init(
                    key: "destinations.\(name).throttle.rate", value: "1/s", origin: "sluice.yaml:14", change: "live")
            ]
            return destination
        }
        return snapshot
    }

    /// Slack has answered 429, and messages wait.
    static func shut() -> Snapshot {
        var snapshot = make()
        let note = "shut until 14:03:20 UTC: it answered http_429; 212 messages wait"
        snapshot.destinations[1].note = note
        snapshot.destinations[1].shutBy = "retry_after"
        snapshot.destinations[1].shutReason = "http_429"
        snapshot.destinations[1].state = .shut
        snapshot.destinations[1].nextAttempt = time.advanced(by: .seconds(90))
        snapshot.destinations[1].failures = [.init(reason: "http_429", count: 3, last: time)]
        snapshot.sinks[1].lag = 212
        snapshot.sinks[1].state = .shut
        snapshot.verdict = .init(Readiness(notes: ["slack: \(note)"]), snapshot)
        return snapshot
    }
}
