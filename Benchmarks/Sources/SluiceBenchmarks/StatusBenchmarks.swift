import Foundation
import Logging
import Sluice
import SluiceGateway

/// What it costs to say how a gateway with many sinks is. A page that is open asks for that every two seconds.
enum StatusBenchmarks {
    private static let sinks = 50

    static func run(scale: Double) async throws {
        let directory = try Scratch()
        var configuration = GatewayConfiguration()
        configuration.dataDirectory = directory.path("data")
        configuration.bindAddress = BindAddress(host: "127.0.0.1", port: 0)
        configuration.metricsBindAddress = BindAddress(host: "127.0.0.1", port: 0)
        configuration.sinks = (0..<sinks).map {
            ConfiguredSink(
                "sink-\($0)", HTTPSinkOptions(preset: .teams, url: Secret("https://teams.example.org/\($0)")))
        }
        let gateway = try Gateway(configuration, logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() })
        Report.subject("The status of a gateway with \(sinks) sinks", columns: ["what", "median", "longest"])
        let count = max(10, Int(200 * scale))
        await row("the snapshot", count) { _ = gateway.snapshot }
        let snapshot = gateway.snapshot
        await row("written as JSON, \(snapshot.json.count) bytes", count) { _ = snapshot.json }
        await gateway.close()
    }

    private static func row(_ what: String, _ count: Int, _ body: () -> Void) async {
        var times: [Double] = []
        for _ in 0..<count { times.append(await timed { body() }) }
        times.sort()
        Report.row(
            what, String(format: "%.2f ms", times[times.count / 2] * 1e3),
            String(format: "%.2f ms", times[times.count - 1] * 1e3))
    }
}
