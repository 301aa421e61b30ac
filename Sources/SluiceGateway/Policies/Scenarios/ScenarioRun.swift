import Logging
import Sluice
import SluiceHTTP

/// Runs a scenario in virtual time: the gateway's own chain, routes, sinks and destinations, an in-memory broker for its
/// queue, and the script for what is at the other end of the sinks' requests.
struct ScenarioRun: Sendable {
    let scenario: Scenario
    let seed: UInt64

    /// - Throws: what keeps it from running.
    func trace() async throws -> ScenarioTrace {
        // Far more than so many events need at one moment.
        let events = scenario.arrivals.reduce(0) { $0.addingSaturated($1.count) }
        let limit = 200_000 + min(events, Scenario.maximumMessages) * scenario.sinks.count * 100
        return try await VirtualExecutor(seed: seed, jobLimit: limit).execute { try await run(in: $0) }
    }

    private func run(in time: RouterTime) async throws -> ScenarioTrace {
        let messages = scenario.messages
        let start = time.timestamp
        let envelopes = messages.map { message in
            var envelope = message.event(at: start.advanced(by: message.time)).message()
            // Each is an event of its own, whatever it says.
            envelope.id = MessageID(high: 0, low: UInt64(message.number))
            return envelope
        }
        let recorder = ScenarioRecorder(scenario, messages, ids: envelopes.map(\.id), time: time)
        let broker = try MemoryBroker(.init(persistent: true), time: time)
        var configuration = Router.Configuration()
        configuration.redelivery = GatewayPace().redelivery
        let logger = Logger(label: "scenario") { _ in ScenarioLog(recorder) }
        let router = Router(configuration: configuration, logger: logger, time: time)
        for route in try routes(messages, broker, recorder, time) { try router.add(route) }
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await router.run() }
            group.addTask { try await publish(messages, envelopes, broker, recorder, time) }
            await recorder.waitForEnd(within: scenario.limit)
            let trace = recorder.finish()
            router.drain()
            group.cancelAll()
            while let result = await group.nextResult() {
                if case .failure(let error) = result, !(error is CancellationError) { throw error }
            }
            return trace
        }
    }

    private func publish(
        _ messages: [ScenarioMessage], _ envelopes: [Message], _ broker: MemoryBroker, _ recorder: ScenarioRecorder,
        _ time: RouterTime
    ) async throws {
        let publisher = broker.publisher(key: Event.orderingKeySelector)
        let start = time.now
        var next = 0
        while next < messages.count {
            let moment = messages[next].time
            try await time.sleep(until: start.advanced(by: moment))
            let first = next
            while next < messages.count, messages[next].time == moment {
                recorder.arrived(next)
                next += 1
            }
            try await publisher.publish(Array(envelopes[first..<next]), to: Self.events)
        }
    }

    private static let events: Topic = "events"
    private static let poison: Topic = "poison"

    private func routes(
        _ messages: [ScenarioMessage], _ broker: MemoryBroker, _ recorder: ScenarioRecorder, _ time: RouterTime
    ) throws -> [Route] {
        let pace = GatewayPace()
        var destinations: [String: (destination: Destination, script: ScriptedDestination)] = [:]
        for name in scenario.destinationNames {
            let script = scenario.answers.first { $0.name == name }?.value ?? DestinationScript()
            destinations[name] = (
                try Destination(name, scenario.configuration(of: name), time: time),
                ScriptedDestination(
                    name, script, messages: messages, patience: pace.answerTimeout, time: time,
                    onAnswer: recorder.answered)
            )
        }
        let handled = MemoryDeduplicationStore(time: time)
        let poison = Route.Output(broker.publisher(), Self.poison)
        return try scenario.sinks.enumerated().flatMap { index, sink in
            let name = Scenario.destination(of: sink)
            guard let (destination, script) = destinations[name] else {
                throw ConfigurationError("sinks.\(sink.name)", expected: "a destination")
            }
            let options = sink.value.kind.options
            let parts = SinkParts(name: sink.name, hold: pace.hold) { request, hold in
                guard let attempt = AttemptInHand.current else { throw CancellationError() }
                do {
                    return try await script.answer(request, of: attempt)
                } catch let error as HTTPClientError {
                    throw error.withoutBlame(hold: hold)
                }
            }
            let group = ConfiguredSink.group(sink.name)
            var policy = sink.value.policy
            policy.retry.onRetry = { event, context in recorder.next(index, context, .retry(event.delay)) }
            let middlewares: [any Middleware] = .recommended(
                LiveSinkPolicy(policy, handled: handled, of: group), only: sink.value.only, poison: poison)
            let publisher = SinkPublisher(sink.name, try options.makeSink(parts), time: time)
            // Each event is a webhook of its own: there is nothing to be joined.
            return sink.value.parts.map { part in
                let route = part == .pushes ? ReaderPart.pushesGroup(of: group) : group
                return Route(
                    route, from: broker.subscriber(group: route), Self.events, to: publisher, Self.events,
                    ordering: policy.ordering ?? options.ordering, destination: destination,
                    middlewares: [OnlyPart(part: part), PassWatch(sink: index, recorder: recorder)] + middlewares
                        + [AttemptWatch(sink: index, recorder: recorder)],
                    isUrgent: part == .urgent
                ) { message, context in
                    AttemptInHand.current?.begin()
                    EventInHand.current?.note(mayBeDelivered: context.attempts > 1)
                    return [message]
                }
            }
        }
    }
}
