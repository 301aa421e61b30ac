import GatewayTestSupport
import Glibc
import Sluice
import SluiceTesting
import Testing

@testable import SluiceGateway

extension EndToEnd {
    /// The status page in a real browser, in front of a real gateway, in each state.
    @Suite(
        .enabled(if: ShownStatusPage.hasBrowser, "needs chromium (Debian's package)"), .serialized,
        .timeLimit(.minutes(10)))
    struct StatusBrowserTests {
        private typealias Outage = OutageTests

        private static func snapshot(_ client: GatewayClient) async throws -> Snapshot {
            let answer = try await client.send("GET", "/status.json", port: client.metricsPort, type: nil)
            return try Snapshot(json: answer.bytes)
        }

        /// Waits until the page shows the box in that state. Each look is a start of the browser.
        /// - Parameters:
        ///   - opened: the part of the address that opens a box.
        ///   - push: done before each look.
        private static func page(
            of client: GatewayClient, opened: String = "", _ box: String, is state: String,
            after push: () async throws -> Void = {}
        ) async throws -> ShownStatusPage {
            // What the page shows is in the snapshot first, which costs no browser.
            try await eventually("\(box) is \(state) in the snapshot") {
                try await push()
                let snapshot = try await snapshot(client)
                let states = snapshot.sinks.map { ($0.name, $0.state) } + snapshot.sources.map { ($0.name, $0.state) }
                let words = state.replacing(" ", with: "_")
                return (states + [(snapshot.queue.topic, snapshot.queue.state)]).contains {
                    $0.0 == box && $0.1.rawValue == words
                }
            }
            var page: ShownStatusPage?
            try await eventually("the page shows \(box) as \(state), not \(page?.state(of: box) ?? "nothing")") {
                try await push()
                let seen = try await ShownStatusPage("http://127.0.0.1:\(client.metricsPort)/\(opened)")
                page = seen
                return seen.state(of: box) == state
            }
            return try #require(page)
        }

        @Test func anIdleGatewayIsWellAndSaysThatItsSourcesAreUnsigned() async throws {
            try await Outage.withScene(.slack) { scene in
                let page = try await Self.page(of: scene.gateway.client, "slack", is: "idle")
                #expect(page.level == "well" && page.headline == "all is well: nothing waits")
                #expect(page.verdict.contains("takes unsigned requests"))
                #expect(["github", "deployments", "events", "grafana"].allSatisfy { page.state(of: $0) == "idle" })
                #expect(page.content.contains("nothing sent yet") && page.content.contains("None seen yet."))
            }
        }

        /// Names from outside are shown, and are never markup.
        @Test func whatFlowsIsCountedAndNamesAreNoMarkup() async throws {
            let name = "<img src=x onerror=alert(1)>"
            let directory = try TemporaryDirectory()
            func deploy(_ client: GatewayClient) async throws {
                let body =
                    #"{"commit_id":"6113728f27ae82c7b1a177c8d03f9e96e0adf246","env":"staging","#
                    + #""timestamp":1767323045,"service":"\#(name)"}"#
                #expect(try await client.send("POST", "/webhooks/deployments", body: Array(body.utf8)).status == 202)
            }
            // The ledger is read when a gateway starts, and else every so many seconds.
            try await Outage.withScene(.slack, in: directory) { scene in
                try await deploy(scene.gateway.client)
                let page = try await Self.page(of: scene.gateway.client, "slack", is: "flowing") {
                    try await scene.sickHas(try await scene.push(1))
                }
                #expect(page.level == "well" && page.state(of: "github") == "flowing")
                #expect(page.content.contains("last success"))
            }
            try await Outage.withScene(.slack, in: directory) { scene in
                let page = try await Self.page(of: scene.gateway.client, "slack", is: "idle")
                #expect(page.content.contains("<img src=x onerror=alert(1)>"))
                #expect(page.content.contains("611372") && !page.document.contains("<img"))
            }
        }

        @Test func aSinkThatIsShutByA429SaysUntilWhenAndWhichLineToChange() async throws {
            try await Outage.withScene(.slack) { scene in
                scene.sick.behave { _ in .status(429, headers: ["Retry-After": "3600"]) }
                try await scene.healthyHas(try await scene.push(4))
                let page = try await Self.page(of: scene.gateway.client, opened: "#sinks.slack", "slack", is: "shut")
                #expect(page.level == "degraded" && page.headline.contains("shut until"))
                for words in ["http_429", "4 messages wait", "tried again at", "destinations.slack.throttle.rate is"] {
                    #expect(page.verdict.contains(words), "\(words) in \(page.verdict)")
                }
                #expect(page.verdict.contains("destinations: slack: throttle: rate:"))
                // The box that the address names is open.
                for words in ["shut: it named a time", "Failures by cause", "throttle.burst"] {
                    #expect(page.content.contains(words), "\(words)")
                }
            }
        }

        @Test func aSinkThatIsHeldSaysWhy() async throws {
            try await Outage.withScene(.grafana) { scene in
                scene.sick.behave { _ in .status(401, body: #"{"message":"no"}"#) }
                try await scene.healthyHas(try await scene.push(2))
                let page = try await Self.page(of: scene.gateway.client, "grafana", is: "held")
                #expect(page.level == "degraded" && page.headline.contains("grafana: held"))
                #expect(page.verdict.contains("sinks.grafana") && page.verdict.contains("2 messages wait"))
                #expect(page.state(of: "slack") != "held")
            }
        }

        @Test func aBreakerThatIsOpenSaysSinceWhen() async throws {
            try await Outage.withScene(.slack, configure: { $0.pace.destination.breaker = CircuitBreaker() }) { scene in
                scene.sick.behave { _ in .status(503) }
                try await scene.healthyHas(try await scene.push(20))
                let page = try await Self.page(of: scene.gateway.client, "slack", is: "breaker open")
                #expect(page.level == "degraded" && page.headline.contains("the breaker is open since"))
                #expect(page.verdict.contains("destinations.slack.breaker.force is auto"))
                #expect(page.verdict.contains("http_503") && page.state(of: "grafana") != "breaker open")
            }
        }

        @Test func poisonIsCountedByItsCause() async throws {
            try await Outage.withScene(.slack) { scene in
                scene.sick.behave { _ in .status(400, body: "invalid_payload") }
                try await scene.healthyHas(try await scene.push(3))
                try await eventually("poison") {
                    let snapshot = try await Self.snapshot(scene.gateway.client)
                    return snapshot.poison.messages == 3
                        && snapshot.verdict.problems.contains { $0.subject == "poison" }
                }
                let page = try await ShownStatusPage("http://127.0.0.1:\(scene.gateway.client.metricsPort)/")
                #expect(page.level == "degraded" && page.headline.contains("poison"))
                #expect(page.content.contains("log-to-slack 3") && page.content.contains("not looked at 3"))
            }
        }

        @Test func aGatewayThatEndsIsDraining() async throws {
            let (grafana, directory, gate) = (try FakeGrafana(), try TemporaryDirectory(), BlockingGate())
            defer { gate.open() }
            grafana.behave { _ in
                gate.wait()
                return .ordinary
            }
            // Long enough for a browser to start on a busy machine.
            let environment = sinkEnvironment(grafana, nil).merging(["SHUTDOWN_TIMEOUT": "300"]) { $1 }
            let process = try SluiceProcess(environment, in: directory)
            let client = try await process.client()
            #expect(try await client.push([StubCommit()]).status == 202)
            try await eventually("the annotation is on its way") { !grafana.requests.isEmpty }
            process.signal(SIGTERM)
            let page = try await Self.page(of: client, "grafana", is: "draining")
            #expect(page.level == "draining" && page.headline.contains("in hand is finished"))
            gate.open()
            #expect(try await process.exitStatus() == 0, "\(process.errors)")
        }

        @Test func withoutKafkaItIsNotReady() async throws {
            let (slack, directory, nowhere) = (try FakeSlack(), try TemporaryDirectory(), try HeldPort())
            let environment = sinkEnvironment(nil, slack).merging(["KAFKA_BROKERS": "127.0.0.1:\(nowhere.number)"]) {
                $1
            }
            let process = try SluiceProcess(environment, in: directory)
            let client = try await process.listeningClient()
            let page = try await Self.page(of: client, "events", is: "down")
            #expect(page.level == "not_ready" && page.headline.lowercased().contains("kafka"), "\(page.headline)")
            process.signal(SIGTERM)
            try await process.exitStatus()
        }

        /// The browser shows the token once, for the page, and for each look at the status.
        @Test func theTokenAsAPasswordOpensIt() async throws {
            try await withGateway(
                in: try TemporaryDirectory(), grafana: try FakeGrafana(),
                configure: { $0.metricsToken = Secret("open-sesame") }
            ) { gateway in
                let port = gateway.client.metricsPort
                let page = try await ShownStatusPage("http://sluice:open-sesame@127.0.0.1:\(port)/")
                #expect(page.level == "well" && page.state(of: "grafana") == "idle")
            }
        }
    }
}
