import Sluice
import SluiceHTTP
import SluiceMetrics
import SluiceTesting
import Testing

/// `/metrics` in three lines.
@Suite(.timeLimit(.minutes(10)))
struct MetricsResourceTests {
    /// Serves `backend` on a port of its own, and sends these requests over one connection.
    private func responses(
        of backend: PrometheusBackend, to requests: [String], between: @escaping @Sendable (Int) -> Void = { _ in }
    ) async throws -> [RawClient.Response?] {
        let listener = try HTTPListener(port: 0, resources: .metrics(backend))
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await listener.run() }
            let port = try await listener.port()
            let responses = try await offPool {
                let client = try RawClient(port: port)
                return try requests.enumerated().map { index, request in
                    between(index)
                    try client.send(request)
                    return try client.response(toHead: request.hasPrefix("HEAD"))
                }
            }
            group.cancelAll()
            while let _ = await group.nextResult() {}
            return responses
        }
    }

    private func request(_ method: String = "GET", _ headers: String...) -> String {
        "\(method) /metrics HTTP/1.1\r\nHost: x\r\n\(headers.map { $0 + "\r\n" }.joined())\r\n"
    }

    @Test func servesWhatWasMeasuredInTheFormatThatIsAskedFor() async throws {
        let backend = PrometheusBackend()
        backend.instruments.histogram(.handlerExecutionTime, [("handler_name", "r"), ("success", "true")])
            .observe(0.003, correlationID: "abc")
        let responses = try await responses(
            of: backend,
            to: [
                request(), request("GET", "Accept: application/openmetrics-text; version=1.0.0"),
                request("GET", "Accept-Encoding: gzip"), request("HEAD"), request("POST", "Content-Length: 0"),
            ])
        let text = try #require(responses[0])
        #expect(text.status == 200 && text.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
        #expect(text.headers["vary"] == "Accept, Accept-Encoding")
        var checker = ExpositionChecker()
        #expect(checker.check(Array(text.body.utf8)) == [])
        #expect(text.body.contains("handler_execution_time_seconds_count"))
        let open = try #require(responses[1])
        #expect(open.body.contains(#"# {correlation_id="abc"} 0.003"#) && open.body.hasSuffix("# EOF\n"))
        #expect(responses[2]?.headers["content-encoding"] == "gzip")
        #expect(responses[3]?.status == 200 && responses[4]?.status == 405)
    }

    /// So that `increase()` sees the first event of a series that is made while the program runs.
    @Test(arguments: [("Prometheus/3.0", "0"), ("curl/8", "1")])
    func prometheusSeesALateSeriesAtZeroOnce(agent: String, first: String) async throws {
        let backend = PrometheusBackend(includesProcess: false)
        let scrape = request("GET", "User-Agent: \(agent)")
        let shown = try await responses(of: backend, to: [scrape, scrape, request("HEAD"), scrape]) { index in
            guard index == 1 else { return }
            backend.instruments.counter(.messagesReceived, [("handler_name", "late")], startsAtZero: true).increment()
        }.map { $0.map { Exposition(Array($0.body.utf8)) } }
        let values = shown.map { $0?.value("sluice_messages_received_total", ["handler_name": "late"]) }
        #expect(values[0] == nil && values[1] == Double(first) && values[3] == 1)
    }
}
