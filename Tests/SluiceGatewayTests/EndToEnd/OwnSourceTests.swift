import GatewayTestSupport
import Sluice
// Without @testable: what a program of its own has.
import SluiceGateway
import SluiceHTTP
import SluiceTesting
import Synchronization
import Testing

/// A source as a user writes it: each line of a message is a commit.
private struct Lines: Source {
    func events(of message: Message, receivedAt: Timestamp) async throws -> [Event] {
        guard let text = message.text, !text.contains("?") else { throw SourceError("it holds a ?") }
        if text == "later" { throw HandlerError("not now", reason: "busy", disposition: .retry()) }
        return text.split(separator: "\n").map { line in
            .commitPushed(
                CommitPushed(id: String(line), message: "m", author: "a", occurredOn: receivedAt, repository: "own/own")
            )
        }
    }
}

private final class NotingSink: Sink {
    private let noted = Mutex<[String]>([])

    var commits: [String] { noted.withLock(\.self) }

    func deliver(_ delivery: SinkDelivery) async throws { noted.withLock { $0.append(delivery.event.commit) } }
}

/// One whose handlers write messages themselves.
private struct Raw: SourceOptions {
    var subscriber: (any Subscriber)?

    func endpoints(named name: String) -> [SourceEndpoint] {
        subscriber == nil ? [SourceEndpoint(HTTPEndpoint("/raw")) { _ in Self.handler }] : []
    }

    func connection(_ parts: SourceParts) throws -> SourceConnection? {
        guard let subscriber else { return nil }
        return SourceConnection(
            routes: [
                parts.route(from: subscriber, "raw", Self.handler),
                // Without anything around it.
                Route(
                    "bare", from: subscriber, "bare", to: parts.queue.publisher, parts.queue.events,
                    middlewares: [PoisonQueue(to: parts.queue.publisher, parts.queue.poison)], handler: Self.handler),
            ], close: {})
    }

    static let handler: Handler = { message, _ in [Message(metadata: message.metadata, payload: message.payload)] }
}

extension EndToEnd {
    /// Sources that a program brings along.
    struct OwnSourceTests {
        private let directory: TemporaryDirectory
        private let sink = NotingSink()

        init() throws {
            directory = try TemporaryDirectory()
        }

        /// Runs a gateway with this source, and with a sink that notes.
        private func with(_ source: ConfiguredSource, _ body: (GatewayClient) async throws -> Void) async throws {
            try await with([source], body)
        }

        private func with(_ sources: [ConfiguredSource], _ body: (GatewayClient) async throws -> Void) async throws {
            let gateway = try Gateway(
                testConfiguration(in: directory, grafana: nil, slack: nil), sinks: [ConfiguredSink("own", sink)],
                sources: sources)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await gateway.run() }
                try await gateway.ready()
                try await body(
                    GatewayClient(
                        webhooksPort: try await gateway.webhooksPort, metricsPort: try await gateway.metricsPort))
                group.cancelAll()
                try? await group.waitForAll()
            }
        }

        @Test func requestsToASourceOfOnesOwnBecomeEvents() async throws {
            let source = ConfiguredSource(
                "lines", Lines(), authenticator: .bearer("word"),
                endpoint: HTTPEndpoint("/webhooks/lines", contentTypes: [], format: .body(watermill: false)))
            try await with(source) { client in
                func post(_ text: String, token: String = "word") async throws -> Int {
                    try await client.send(
                        "POST", "/webhooks/lines", type: "text/plain", headers: [("Authorization", "Bearer \(token)")],
                        body: Array(text.utf8)
                    ).status
                }
                #expect(try await post("1111aaaa\n2222bbbb") == 202)
                try await eventually("both events, in order") { sink.commits == ["1111aaaa", "2222bbbb"] }
                #expect(try await post("?") == 400)
                #expect(try await post("later") == 503)
                #expect(try await post("3333cccc", token: "another") == 401)
                #expect(try await post("") == 202)
                let metrics = try await client.metrics()
                #expect(metrics.value("sluice_http_endpoint_unsigned", ["route": "/webhooks/lines"]) == 0)
                #expect(
                    metrics.value("sluice_deliveries_total", ["handler_name": "lines-to-log", "outcome": "acked"]) == 2)
                #expect(sink.commits.count == 2)
            }
        }

        /// As with ours: without an authenticator it takes what this machine sends, and `/readyz` says so.
        @Test func oneWithoutAnAuthenticatorIsForThisMachine() async throws {
            try await with(ConfiguredSource("lines", Lines())) { client in
                let answer = try await client.send("POST", "/webhooks/lines", body: Array("1111aaaa".utf8))
                #expect(answer.status == 202)
                let text = try await client.ready().text
                #expect(
                    text.contains("/webhooks/lines: takes unsigned requests") && text.contains("set an authenticator"))
            }
        }

        @Test func messagesOfABrokerBecomeEventsAndNonsenseIsPoisoned() async throws {
            let broker = MemoryBroker()
            let source = ConfiguredSource("lines", Lines(), from: broker.subscriber(group: "gateway"), "lines")
            try await with(source) { client in
                try await broker.publisher().publish([Message(text: "?"), Message(text: "1111aaaa")], to: "lines")
                try await eventually("the event") { sink.commits == ["1111aaaa"] }
                try await eventually("the poison") {
                    try await client.metric("sluice_poison_queue_messages", ["topic": "poison"]) == 1
                }
            }
        }

        /// 202 would promise that its sinks get it.
        @Test func anEventThatNoSinkCouldReadIsNotTakenIn() async throws {
            let broker = MemoryBroker()
            let sources = [
                ConfiguredSource("lines", Lines()),
                ConfiguredSource("topic", Lines(), from: broker.subscriber(group: "topic"), "lines"),
                ConfiguredSource("requests", Raw()),
                ConfiguredSource("raw", Raw(subscriber: broker.subscriber(group: "raw"))),
            ]
            try await with(sources) { client in
                let answer = try await client.send("POST", "/webhooks/lines", body: Array("1111aaaa\nnonsense".utf8))
                #expect(answer.status == 400 && answer.text.contains("the event's id is not"), "\(answer.text)")
                let raw = try await client.send("POST", "/raw", body: Array("{}".utf8))
                #expect(raw.status == 400 && raw.text.contains("no event_type"), "\(raw.text)")
                let publisher = broker.publisher()
                let deployed: Metadata = [Event.typeKey: Event.Kind.commitDeployed.rawValue]
                for topic: Topic in ["lines", "raw", "bare"] {
                    try await publisher.publish([Message(metadata: deployed, payload: Array("{}".utf8))], to: topic)
                }
                try await eventually("each is poisoned where it came in") {
                    let metrics = try await client.metrics()
                    return ["topic-to-log", "raw-to-log", "bare"].allSatisfy {
                        metrics.value(
                            "sluice_deliveries_total", ["handler_name": $0, "outcome": "poisoned"]) == 1
                    }
                }
                let good = try await client.send("POST", "/webhooks/lines", body: Array("1111AAAA".utf8))
                #expect(good.status == 202)
                try await eventually("the event") { sink.commits == ["1111aaaa"] }
            }
        }

        @Test(arguments: ["github", "a b", ""])
        func namesThatCannotBeAreRefused(_ name: String) throws {
            let error = #expect(throws: ConfigurationError.self) {
                try Gateway(
                    testConfiguration(in: directory, grafana: nil, slack: nil),
                    sources: [ConfiguredSource(name, Lines())])
            }
            #expect(error?.field.hasPrefix("sources") == true)
        }
    }
}
