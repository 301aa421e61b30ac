import DashboardModel
import Foundation
import GatewayTestSupport

/// Prometheus with the configuration and the rules that are shipped; only addresses and intervals are others.
enum LivePrometheus {
    /// - Parameter targets: the ports of the gateways' metrics.
    static func start(scraping targets: [Int], in directory: TemporaryDirectory) throws -> PrometheusServer {
        for rules in try Repository.files(in: "prometheus", suffix: ".yml") {
            try FileManager.default.copyItem(
                atPath: rules.path, toPath: "\(directory.path)/\(rules.lastPathComponent)")
        }
        let file = directory.path + "/prometheus.yml"
        var text = try String(contentsOfFile: file, encoding: .utf8)
        return try PrometheusServer(in: directory, features: ["exemplar-storage"]) { port in
            let addresses = targets.map { "\"127.0.0.1:\($0)\"" }.joined(separator: ", ")
            for (shipped, here) in [
                ("scrape_interval: 15s", "scrape_interval: 1s\n  scrape_timeout: 1s"),
                ("evaluation_interval: 15s", "evaluation_interval: 1s"),
                ("\"sluice:8081\"", addresses), ("\"localhost:9090\"", "\"127.0.0.1:\(port)\""),
            ] {
                guard text.components(separatedBy: shipped).count == 2 else {
                    throw PrometheusRefusal(description: "prometheus.yml does not say \(shipped) once")
                }
                text = text.replacing(shipped, with: here)
            }
            return text
        }
    }
}
