import Sluice

/// A scenario: what comes, what destinations answer, which policies hold for them, and what is expected then.
struct Scenario: Sendable {
    /// A sink, and what it delivers to.
    struct Sink: Sendable {
        var kind = ScenarioSinkKind.http
        var destination: Placed<String>?
        var policy: SinkPolicy
        /// The events that it gets; nil for all.
        var only: EventFilter?
        /// Whether what is urgent is read apart from pushes.
        var digests = false

        /// The parts in which it reads.
        var parts: [ReaderPart] { digests ? [.urgent, .pushes] : [.whole] }

        /// What order it promises.
        var order: SinkOrder {
            switch (policy.ordering ?? kind.options.ordering).kind {
            case .serial where digests: .parts
            case .serial: .total
            case .perKey: .perKey
            case .unordered: .none
            }
        }
    }

    /// What relative paths begin with.
    var directory = ""
    /// The configuration file whose policies are tried; nil where the scenario has its own.
    var configuration: Placed<String>?
    /// One sentence.
    var title: String?
    /// What jitter and latencies follow from.
    var seed = 0
    /// How much virtual time it may take; it ends earlier when nothing waits any more.
    var limit = Duration.seconds(86_400)
    var defaults = PolicyDefaults()
    var destinations: [YAMLNamed<DestinationPolicy>] = []
    var sinks: [YAMLNamed<Sink>] = []
    var arrivals: [Arrivals] = []
    var answers: [YAMLNamed<DestinationScript>] = []
    var expectations: [Expectation] = []

    /// The destination of a sink: its own name unless it names another.
    static func destination(of sink: YAMLNamed<Sink>) -> String { sink.value.destination?.value ?? sink.name }

    /// The destinations that sinks deliver to, in their order.
    var destinationNames: [String] {
        var names: [String] = []
        for sink in sinks where !names.contains(Self.destination(of: sink)) { names.append(Self.destination(of: sink)) }
        return names
    }

    func configuration(of destination: String) -> Destination.Configuration {
        let policy = destinations.first { $0.name == destination }?.value ?? defaults.destination
        let sinks = sinks.filter { Self.destination(of: $0) == destination }
        return policy.configuration(sinks.map(\.value.kind.options.throttle))
    }

    /// The messages in the order in which they come, numbered from 1.
    var messages: [ScenarioMessage] {
        let all = arrivals.flatMap(\.messages)
        // Those of one moment keep the order of the file.
        let order = all.indices.sorted { (all[$0].time, $0) < (all[$1].time, $1) }
        return order.enumerated().map { number, index in
            var message = all[index]
            message.number = number + 1
            return message
        }
    }

    /// More than any policy needs, and run in seconds.
    static let maximumMessages = 200_000
}

/// A message that comes.
struct ScenarioMessage: Sendable {
    /// From 1, in the order of coming.
    var number = 0
    let time: Duration
    let kind: Event.Kind
    /// The repository, whose events keep their order.
    let key: String
    let name: String?

    /// What it is called in a timeline: `#12`, or its name.
    var label: String { name.map { "#\(number) \($0)" } ?? "#\(number)" }

    /// The event, at this time by the wall clock.
    func event(at time: Timestamp) -> Event {
        let digits = String(UInt64(clamping: number), radix: 16)
        let commit = String(repeating: "0", count: 40 - digits.count) + digits
        switch kind {
        case .commitPushed:
            return .commitPushed(
                CommitPushed(
                    id: commit, message: name ?? "message \(number)", author: "scenario", occurredOn: time,
                    repository: key))
        case .commitDeployed:
            return .commitDeployed(Deployment(id: commit, env: "production", occurredOn: time, repository: key))
        case .deploymentFailed:
            return .deploymentFailed(Deployment(id: commit, env: "production", occurredOn: time, repository: key))
        case .incidentOpened:
            return .incidentOpened(Incident(id: commit, service: key, openedAt: time, occurredOn: time))
        case .incidentResolved:
            return .incidentResolved(Incident(id: commit, service: key, openedAt: nil, occurredOn: time))
        }
    }
}

/// The order in which a sink delivers: of all events, of pushes and of the others, of a repository's, or none.
enum SinkOrder: Sendable {
    case total, parts, perKey, none
}
