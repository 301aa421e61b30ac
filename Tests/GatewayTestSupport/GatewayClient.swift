import Sluice
package import SluiceHTTP
package import SluicePrometheus
package import SluiceTesting
import Testing

/// Asks a gateway things over HTTP, as its users do.
package struct GatewayClient: Sendable {
    package static let http: HTTPClient? = {
        var configuration = HTTPClient.Configuration()
        configuration.limitPerHost = 64
        configuration.maximumBodySize = 16 << 20
        // A busy machine is no fault of what is asked.
        configuration.connectTimeout = .seconds(60)
        configuration.totalTimeout = .seconds(120)
        return try? HTTPClient(configuration)
    }()

    package struct Answer: Sendable {
        package let status: Int
        package let text: String
        package let bytes: [UInt8]
        package let headers: HTTPClient.Headers

        /// One line of JSON that says what was wrong.
        package var isErrorLine: Bool {
            headers["Content-Type"] == "application/json" && text.hasPrefix(#"{"error":""#) && text.hasSuffix("\"}\n")
                && text.filter { $0 == "\n" }.count == 1
        }
    }

    package var webhooksPort: Int
    package var metricsPort: Int
    /// What GitHub would sign with.
    package var secret: String?

    package init(webhooksPort: Int, metricsPort: Int, secret: String? = nil) {
        self.webhooksPort = webhooksPort
        self.metricsPort = metricsPort
        self.secret = secret
    }

    package func send(
        _ method: String, _ path: String, port: Int? = nil, type: String? = "application/json",
        headers: [(String, String)] = [], body: [UInt8]? = nil
    ) async throws -> Answer {
        var request = HTTPClient.Request(
            method, "http://127.0.0.1:\(port ?? webhooksPort)\(path)", target: "test", body: body,
            acceptsTruncatedBody: false)
        if let type { request.headers.append(.init(name: "Content-Type", value: type)) }
        for (name, value) in headers { request.headers.append(.init(name: name, value: value)) }
        guard let http = Self.http else { throw TestFailure("there is no HTTP client") }
        let response = try await http.send(request)
        return Answer(
            status: response.status, text: String(decoding: response.body, as: UTF8.self), bytes: response.body,
            headers: response.headers)
    }

    /// A webhook of GitHub, signed when there is a secret.
    package func gitHub(
        _ body: [UInt8], event: String? = "push", delivery: String = "d", path: String = "/webhooks/github",
        headers: [(String, String)] = []
    ) async throws -> Answer {
        var all = headers + [("X-GitHub-Delivery", delivery)]
        if let event { all.append(("X-GitHub-Event", event)) }
        if let secret, !all.contains(where: { $0.0 == "X-Hub-Signature-256" }) {
            all.append(("X-Hub-Signature-256", Stub.signature(body, secret)))
        }
        return try await send("POST", path, headers: all, body: body)
    }

    package func push(_ commits: [StubCommit], repository: String = Stub.repository) async throws -> Answer {
        try await gitHub(Stub.push(commits, repository: repository))
    }

    package func ready() async throws -> Answer {
        try await send("GET", "/readyz", port: metricsPort, type: nil)
    }

    package func scrape(_ format: ExpositionFormat = .text) async throws -> [UInt8] {
        let accept = format == .text ? "text/plain; version=0.0.4" : "application/openmetrics-text; version=1.0.0"
        let answer = try await send("GET", "/metrics", port: metricsPort, type: nil, headers: [("Accept", accept)])
        return answer.status == 200 ? answer.bytes : []
    }

    package func metrics() async throws -> Exposition {
        Exposition(try await scrape(), format: .text)
    }

    /// The value of the first sample of this name that has all of these labels. Only what begins so is read: a whole exposition
    /// takes a test that is not optimized tens of milliseconds.
    package func metric(_ name: String, _ labels: [String: String] = [:]) async throws -> Double? {
        let lines = try await scrape().split(separator: UInt8(ascii: "\n")).filter { $0.starts(with: name.utf8) }
        return Exposition(Array(lines.joined(separator: [UInt8(ascii: "\n")])) + [UInt8(ascii: "\n")])
            .value(name, labels)
    }

    /// How long a scrape takes, at best: other processes may have the machine for a while. A gateway that waits for an
    /// answer does so each time.
    /// - Parameter enough: with less than this it does not try again.
    package func bestScrapeTime(under enough: Duration) async throws -> Duration {
        var best = Duration.seconds(3_600)
        for _ in 0..<10 where best >= enough {
            let start = ContinuousClock.now
            _ = try await scrape()
            best = min(best, ContinuousClock.now - start)
        }
        return best
    }

    package func waitUntilReady(within limit: Duration = .seconds(120)) async throws {
        try await eventually("ready", within: limit) {
            (try? await ready())?.status == 200
        }
    }
}
