import GatewayTestSupport
import Sluice
import SluicePrometheus
import SluiceTesting
import Testing

@testable import SluiceGateway

extension EndToEnd {
    /// Sinks that are told of incidents.
    struct IncidentSinkTests {
        private static let wanted = EventFilter([
            .init(event: [.incidentOpened, .incidentResolved], service: [TextPattern("web-*")]),
            .init(event: [.commitPushed]),
        ])

        private func tell(_ client: GatewayClient, _ id: String, of service: String = "web-shop", _ more: String)
            async throws
        {
            let body = #"{"id":"\#(id)","service":"\#(service)",\#(more)}"#
            #expect(try await client.send("POST", "/webhooks/incidents", body: Array(body.utf8)).status == 202)
        }

        private func time(ago seconds: Int) -> String {
            RFC3339.format(Timestamp.now().advanced(by: .seconds(-seconds)))
        }

        /// Those that name them get them, each once, from when they are there; the others do not.
        @Test(.timeLimit(.minutes(10)), arguments: [false, true])
        func aSinkThatAsksForIncidentsGetsThem(_ onKafka: Bool) async throws {
            let (grafana, slack, directory) = (try FakeGrafana(), try FakeSlack(), try TemporaryDirectory())
            let kafka = onKafka ? try KafkaForTests(realGroups: true) : nil
            func run(_ filter: EventFilter?, _ body: (RunningGateway) async throws -> Void) async throws {
                try await withGateway(in: directory, grafana: grafana, slack: slack) {
                    kafka?.use(in: &$0)
                    $0.sources.append(ConfiguredSource("incidents", IncidentsSource()))
                    $0.change("slack") { $0.only = filter }
                } _: { gateway in
                    try await body(gateway)
                }
            }
            let (opened, resolved) = (time(ago: 200), time(ago: 50))
            try await run(nil) { gateway in
                try await tell(gateway.client, "before", #""opened":"\#(opened)""#)
                #expect(try await gateway.client.push([StubCommit()]).status == 202)
                try await eventually("the push alone") { slack.posts.count == 1 && grafana.annotations.count == 1 }
            }
            try await run(Self.wanted) { gateway in
                try await eventually("its group has a place") {
                    try await gateway.client.metric(
                        "sluice_consumer_lag_messages",
                        ["handler_name": "log-to-slack-facts", "topic": kafka.map { "\($0.topic)-facts" } ?? "facts"])
                        != nil
                }
                try await eventually("it reads") {
                    try await tell(gateway.client, "first", #""opened":"\#(opened)""#)
                    return slack.texts.contains { $0.contains(":rotating_light:") }
                }
                try await tell(gateway.client, "first", #""opened":"\#(opened)""#)
                try await tell(gateway.client, "other", of: "db", #""opened":"\#(opened)""#)
                try await tell(gateway.client, "first", #""opened":"\#(opened)","resolved":"\#(resolved)""#)
                #expect(try await gateway.client.push([StubCommit()]).status == 202)
                try await eventually("both ends of it, and the push") { slack.posts.count == 4 }
            }
            try await run(Self.wanted) { gateway in
                try await tell(gateway.client, "second", #""resolved":"\#(resolved)""#)
                try await eventually("what came since alone") { slack.posts.count == 5 }
            }
            let texts = slack.texts.filter { $0.contains("Incident") }
            #expect(
                texts == [
                    ":rotating_light: Incident of *web-shop* opened",
                    ":white_check_mark: Incident of *web-shop* resolved after 2m 30s",
                    ":white_check_mark: Incident of *web-shop* resolved",
                ])
            #expect(grafana.annotations.count == 2)
        }

        @Test func incidentsAreShownInGrafanaAndSentByHTTP() throws {
            let opened = Event.incidentOpened(
                Incident(
                    id: "7", service: "web", openedAt: FactFixtures.time(1), occurredOn: FactFixtures.time(1)))
            let resolved = Event.incidentResolved(
                Incident(
                    id: "7", service: "web", openedAt: FactFixtures.time(1), occurredOn: FactFixtures.time(28.5)))
            #expect(GrafanaAnnotation.text(of: opened) == "Incident 7 of web opened")
            #expect(GrafanaAnnotation.text(of: resolved) == "Incident 7 of web resolved after 1d 3h")
            #expect(
                GrafanaAnnotation.tags(of: opened, id: opened.messageID).prefix(2) == ["incident-opened", "web"])
            for event in [opened, resolved] {
                let message = event.message()
                #expect(try Event(message) == event)
                #expect(message.metadata[Event.typeKey] == nil && message.metadata[Fact.typeKey] == "incident")
                #expect(ConsoleLine.text(of: event).hasSuffix(EventLine.text(of: event)))
            }
            #expect(opened.messageID != resolved.messageID)
        }

        @Test func incidentsAreWantedOnlyWhereTheyAreNamed() {
            let opened = Event.incidentOpened(
                Incident(id: "7", service: "web-a", openedAt: nil, occurredOn: FactFixtures.time(1)))
            #expect(Self.wanted.matches(opened) && Self.wanted.wantsIncidents)
            let all = EventFilter([.init(service: [TextPattern("web-*")])])
            #expect(!all.matches(opened) && !all.wantsIncidents)
            // Of a repository or an environment none has.
            for entry in [
                EventFilter.Entry(event: [.incidentOpened], repository: [TextPattern("*")]),
                .init(event: [.incidentOpened], environment: [TextPattern("*")]),
            ] {
                #expect(!EventFilter([entry]).matchesSomething)
            }
            var sink = ConfiguredSink("a", ConsoleSink())
            #expect(sink.groups == ["log-to-a"])
            sink.only = Self.wanted
            #expect(sink.groups == ["log-to-a", "log-to-a-facts"])
        }

        /// An event of such a kind has no business on the topic of events.
        @Test func anIncidentAmongTheEventsIsNoKindThatIsKnown() throws {
            var message = Event.commitPushed(
                CommitPushed(id: "abcd", message: "", author: "a", occurredOn: FactFixtures.time(1))
            ).message()
            message.metadata[Event.typeKey] = Event.Kind.incidentOpened.rawValue
            #expect(throws: SourceError.self) { try Event(message) }
            #expect(throws: SourceError.self) { try Event.check(message) }
        }
    }
}
