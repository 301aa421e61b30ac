import Crypto
import Foundation
import Hummingbird
import Logging
import NIOCore
import Sluice
import SluiceGateway
import SluiceHTTP
import SluiceMetrics
import SluiceSQLite

/// Webhooks accepted a second, each verified, parsed and fsynced before its answer, beside a bare Hummingbird route that
/// reads the same body and answers 202. Both in this process, loaded by wrk in turn.
enum WebhookBenchmarks {
    static let secret = "It's a Secret to Everybody"

    static func run(scale: Double) async throws {
        guard Wrk.isInstalled else { return print("\n(wrk is not installed: no figures for webhooks)") }
        var logger = Logger(label: "bench")
        logger.logLevel = .error
        let directory = try Scratch()
        let log = try SQLiteLog.open(.init(path: directory.path("log.sqlite")))
        let (bare, barePorts) = bareApplication(logger)
        let (listener, sluice) = try intake(log, logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await bare.run() }
            group.addTask { try await listener.run() }
            group.addTask { try await sluice.run() }
            var ports = barePorts.makeAsyncIterator()
            let barePort = await ports.next() ?? 0
            let port = try await listener.port()
            Report.subject(
                "Webhooks, 32 connections",
                columns: ["body", "who", "requests/s", "p50", "p99", "CPU a request", "errors"])
            for (name, body, goal) in [
                ("300 B stub push", Bodies.stub, Goal.webhooksSmall), ("9 KB push", Bodies.large, .webhooksLarge),
            ] {
                try compare(name, body, goal, barePort, port, runs: max(1, Int(3 * scale)))
            }
            group.cancelAll()
            while await group.nextResult() != nil {}
        }
        await log.close()
    }

    private static func compare(
        _ name: String, _ body: [UInt8], _ goal: Goal, _ barePort: Int, _ port: Int, runs: Int
    ) throws {
        var ratios: [Double] = []
        for _ in 0..<runs {
            let bare = try Wrk.load(port: barePort, body: body)
            let ours = try Wrk.load(port: port, body: body)
            ratios.append(ours.requests / bare.requests)
            Goals.note(goal, 100 * ours.requests / bare.requests)
            Goals.note(.webhooksSlowest, ours.p99 / bare.p99)
            for (who, figures) in [("bare route", bare), ("Sluice", ours)] {
                Report.row(
                    name, who, String(format: "%.0f", figures.requests), String(format: "%.2f ms", figures.p50),
                    String(format: "%.2f ms", figures.p99), String(format: "%.1f µs", figures.cpu), figures.errors)
            }
        }
        Report.row(
            name, "Sluice / bare, median", String(format: "%.2f", ratios.sorted()[ratios.count / 2]), "", "", "", "")
    }

    private static func bareApplication(
        _ logger: Logger
    ) -> (Application<RouterResponder<BasicRequestContext>>, AsyncStream<Int>) {
        let router = Hummingbird.Router()
        router.post("/webhooks/github") { request, _ in
            _ = try await request.body.collect(upTo: 25_000_000)
            return HTTPResponse.Status.accepted
        }
        let (ports, found) = AsyncStream.makeStream(of: Int.self)
        let application = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { found.yield($0.localAddress?.port ?? 0) }, logger: logger)
        return (application, ports)
    }

    private static func intake(_ log: SQLiteLog, _ logger: Logger) throws -> (HTTPListener, Sluice.Router) {
        var configuration = HTTPListener.Configuration()
        configuration.port = 0
        let listener = try HTTPListener(configuration: configuration, logger: logger)
        var endpoint = HTTPEndpoint("/webhooks/github")
        endpoint.authenticator = .hmacSHA256(secret: secret)
        endpoint.format = .body(headers: [
            "X-GitHub-Event": GitHubSource.eventKey, "X-GitHub-Delivery": GitHubSource.deliveryKey,
        ])
        let subscriber = try HTTPSubscriber(listener: listener, endpoints: [endpoint], concurrency: 512)
        let backend = PrometheusBackend()
        let router = Sluice.Router(instruments: backend.instruments, logger: logger)
        let publisher = log.publisher(key: .metadata(Event.repositoryKey))
        try router.add(
            Route(
                "github-to-log", from: subscriber, "/webhooks/github", to: publisher, "events",
                middlewares: [CorrelationID(), HandlerMetrics(), LogMessages()]
            ) { message, _ in
                if case .events(let events) = try GitHubSource.read(message) { return events.map { $0.message() } }
                return []
            })
        return (listener, router)
    }
}

/// Bodies of GitHub pushes with one commit.
enum Bodies {
    static let stub = Array(
        #"{"ref":"refs/heads/main","repository":{"full_name":"octo/demo"},"commits":[{"id":"0a1b2c3d4e5f60718293a4b5c6d7e8f901234567","message":"Fix the flux","timestamp":"2024-05-06T07:08:09+02:00","author":{"name":"Ada","email":"ada@example.org"},"url":"https://example.org/c/0a1b"}],"sender":{"login":"ada"}}"#
            .utf8)

    /// As large as a real one, whose repository and sender are full of links.
    static let large: [UInt8] = {
        let links = (0..<90).map {
            #""link_\#($0)_url":"https://api.example.org/repos/octo/demo/resource-\#($0)/{id}{/other}""#
        }
        let text = String(decoding: stub.dropLast(), as: UTF8.self)
        return Array((text + #","repository_links":{"# + links.joined(separator: ",") + "}}").utf8)
    }()
}
