package import Foundation
import SluiceTesting

/// A real Prometheus as a child process on a free port. It ends with this value at the latest.
package final class PrometheusServer: Sendable {
    /// A series of an answer, with its values in time.
    package struct Series: Sendable {
        package let labels: [String: String]
        package let values: [Double]
    }

    /// Prometheus does not say which port it took: it is told one.
    private let held: HeldPort
    private let process: Process
    private let directory: TemporaryDirectory

    /// Files of rules have to lie in `directory` already, where the configuration names them.
    /// - Parameter configuration: makes the text of `prometheus.yml`, given the port that it listens on.
    package init(
        in directory: TemporaryDirectory, features: [String] = [], configuration: (_ port: Int) throws -> String
    ) throws {
        self.directory = directory
        held = try HeldPort()
        let port = Int(held.number)
        let file = directory.path + "/prometheus.yml"
        try Data(try configuration(port).utf8).write(to: URL(fileURLWithPath: file))
        try Data().write(to: URL(fileURLWithPath: directory.path + "/log"))
        process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            [
                "prometheus", "--config.file=\(file)", "--storage.tsdb.path=\(directory.path)/prometheus-data",
                "--web.listen-address=127.0.0.1:\(port)", "--log.level=warn",
            ] + features.map { "--enable-feature=\($0)" }
        process.standardInput = FileHandle.nullDevice
        let output = try FileHandle(forWritingTo: URL(fileURLWithPath: directory.path + "/log"))
        process.standardOutput = output
        process.standardError = output
        try process.run()
    }

    deinit {
        if process.isRunning { process.terminate() }
    }

    package var port: Int { Int(held.number) }
    package var isRunning: Bool { process.isRunning }

    package var log: String {
        String(decoding: FileManager.default.contents(atPath: directory.path + "/log") ?? Data(), as: UTF8.self)
    }

    package func stop() {
        process.terminate()
        process.waitUntilExit()
    }

    /// The value of the first series that the query gives now; nil when there is none, and while no server answers.
    package func value(_ query: String) async throws -> Double? {
        try? await self.query(query).first?.values.first
    }

    /// What the query gives now.
    /// - Throws: ``PrometheusRefusal`` with what is wrong with it.
    package func query(_ query: String) async throws -> [Series] {
        try Self.series(await ask("query", ["query": query]))
    }

    /// What the query gives at each step.
    package func query(_ query: String, from start: Date, to end: Date, step: Double) async throws -> [Series] {
        try Self.series(
            await ask(
                "query_range",
                [
                    "query": query, "start": "\(start.timeIntervalSince1970)", "end": "\(end.timeIntervalSince1970)",
                    "step": "\(step)",
                ]))
    }

    /// What is in `data` of an answer of `/api/v1/`.
    package func ask(_ path: String, _ parameters: [String: String] = [:]) async throws -> Any {
        let client = GatewayClient(webhooksPort: port, metricsPort: port)
        let form = parameters.map { "\(Self.encoded($0))=\(Self.encoded($1))" }.joined(separator: "&")
        let answer =
            parameters.isEmpty
            ? try await client.send("GET", "/api/v1/\(path)", type: nil)
            : try await client.send(
                "POST", "/api/v1/\(path)", type: "application/x-www-form-urlencoded", body: Array(form.utf8))
        guard let object = try? JSONSerialization.jsonObject(with: Data(answer.bytes)) as? [String: Any],
            answer.status == 200, let data = object["data"]
        else { throw PrometheusRefusal(description: "\(answer.status) \(answer.text)") }
        return data
    }

    private static func encoded(_ text: String) -> String {
        text.utf8.map { byte in
            let character = Character(Unicode.Scalar(byte))
            return byte < 128 && (character.isLetter || character.isNumber)
                ? String(character) : "%" + String(format: "%02X", byte)
        }.joined()
    }

    private static func series(_ data: Any) throws -> [Series] {
        func number(_ pair: Any) -> Double? { ((pair as? [Any])?.last as? String).flatMap { Double($0) } }
        guard let data = data as? [String: Any], let result = data["result"] as? [Any] else {
            throw PrometheusRefusal(description: "not an answer to a query")
        }
        if data["resultType"] as? String == "scalar" {
            return [Series(labels: [:], values: [number(result)].compactMap(\.self))]
        }
        return result.compactMap { element in
            guard let element = element as? [String: Any] else { return nil }
            let pairs = element["values"] as? [Any] ?? [element["value"] as Any]
            return Series(
                labels: element["metric"] as? [String: String] ?? [:], values: pairs.compactMap { number($0) })
        }
    }
}

/// Prometheus did not do what it was asked for.
package struct PrometheusRefusal: Error, CustomStringConvertible {
    package let description: String

    package init(description: String) {
        self.description = description
    }
}
