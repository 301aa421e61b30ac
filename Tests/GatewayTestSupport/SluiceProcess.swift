package import Foundation
import Glibc
import SluiceTesting
import Synchronization
import Testing

/// The built program `sluice` as a child process. It ends with this value at the latest.
package final class SluiceProcess: Sendable {
    /// Beside the test bundle.
    package static let executable: URL? = {
        let candidates = [
            URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath(), Bundle.main.bundleURL,
            URL(fileURLWithPath: CommandLine.arguments.first ?? "."),
        ]
        return candidates.map { $0.deletingLastPathComponent().appendingPathComponent("sluice") }
            .first { FileManager.default.isExecutableFile(atPath: $0.path) }
    }()

    private let process: Process
    private let output: TemporaryDirectory

    /// - Parameters:
    ///   - environment: all that it gets; ports 0 and a data directory are added where they are not set.
    ///   - arguments: the command.
    ///   - directory: for the data, and where it runs.
    ///   - standardInput: nothing, unless given.
    ///   - standardOutput, standardError: where these go; files of its own, which can be read here, unless given.
    ///   - shell: what a shell does before it becomes the program, such as `ulimit -n 64`.
    package init(
        _ environment: [String: String], _ arguments: [String] = ["run"], in directory: TemporaryDirectory,
        standardInput: FileHandle? = nil, standardOutput: FileHandle? = nil, standardError: FileHandle? = nil,
        after shell: String? = nil
    ) throws {
        output = try TemporaryDirectory()
        for name in ["out", "err"] {
            try Data().write(to: URL(fileURLWithPath: "\(output.path)/\(name)"))
        }
        process = Process()
        process.executableURL = Self.executable
        process.arguments = arguments
        if let shell, let program = Self.executable {
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            process.arguments = ["-c", "\(shell); exec '\(program.path)' run"]
        }
        process.currentDirectoryURL = URL(fileURLWithPath: directory.path)
        process.environment = [
            "BIND_ADDR": "127.0.0.1:0", "METRICS_BIND_ADDR": "127.0.0.1:0", "SLUICE_DATA": directory.path + "/data",
        ].merging(environment) { $1 }
        process.standardInput = standardInput ?? FileHandle.nullDevice
        process.standardOutput =
            try standardOutput ?? FileHandle(forWritingTo: URL(fileURLWithPath: "\(output.path)/out"))
        process.standardError =
            try standardError ?? FileHandle(forWritingTo: URL(fileURLWithPath: "\(output.path)/err"))
        try process.run()
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    }

    package var identifier: Int32 { process.processIdentifier }
    package var isRunning: Bool { process.isRunning }
    package var errors: String { text("err") }
    package var standardOutput: String { text("out") }

    private func text(_ name: String) -> String {
        String(decoding: FileManager.default.contents(atPath: "\(output.path)/\(name)") ?? Data(), as: UTF8.self)
    }

    package func signal(_ signal: Int32) {
        if process.isRunning { kill(process.processIdentifier, signal) }
    }

    /// Waits for the end.
    /// - Returns: the exit status, or less than 0 the signal that ended it.
    @discardableResult
    package func exitStatus(within limit: Duration = .seconds(120)) async throws -> Int32 {
        do {
            try await eventually("the program ends; it said: \(errors)", within: limit) { !process.isRunning }
        } catch {
            signal(SIGKILL)
            throw error
        }
        return process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
    }

    /// Waits until it is ready.
    package func client(secret: String? = nil) async throws -> GatewayClient {
        let client = try await listeningClient(secret: secret)
        try await client.waitUntilReady()
        return client
    }

    /// Waits until it listens, ready or not.
    package func listeningClient(secret: String? = nil) async throws -> GatewayClient {
        var client: GatewayClient?
        try await eventually("the program listens; it said: \(errors)") {
            if !process.isRunning { throw TestFailure("the program has ended; it said: \(errors)") }
            guard let webhooks = port(of: "webhooks"), let metrics = port(of: "metrics") else { return false }
            client = GatewayClient(webhooksPort: webhooks, metricsPort: metrics, secret: secret)
            return true
        }
        return try #require(client)
    }

    /// As its log says.
    private func port(of listener: String) -> Int? {
        for line in errors.split(separator: "\n")
        where line.contains("listening") && line.contains("listener=\(listener)") {
            let digits = line.split(separator: " ").first { $0.hasPrefix("port=") }?.dropFirst("port=".count)
            if let port = digits.flatMap({ Int($0) }) { return port }
        }
        return nil
    }

    /// The processor time that it has used so far (proc(5)); 0 where the system does not say.
    package var processorTime: Duration {
        let stat = (try? String(contentsOfFile: "/proc/\(identifier)/stat", encoding: .utf8)) ?? ""
        let fields = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ")
        guard fields.count > 13, let user = Int(fields[12]), let system = Int(fields[13]) else { return .zero }
        return .milliseconds((user + system) * 1_000 / sysconf(Int32(_SC_CLK_TCK)))
    }

    /// The resident memory in bytes; 0 where the system does not say.
    package var residentMemory: Int {
        let statm = (try? String(contentsOfFile: "/proc/\(identifier)/statm", encoding: .utf8)) ?? ""
        let fields = statm.split(separator: " ")
        return fields.count > 1 ? (Int(fields[1]) ?? 0) * Int(getpagesize()) : 0
    }

    /// The most resident memory that it ever had, in bytes; 0 where the system does not say (`VmHWM` in proc(5)).
    package var peakMemory: Int {
        let status = (try? String(contentsOfFile: "/proc/\(identifier)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        let kibibytes = line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0
        return kibibytes * 1_024
    }
}

/// What the program gets to know of the sinks.
package func sinkEnvironment(_ grafana: FakeGrafana?, _ slack: FakeSlack?) -> [String: String] {
    var environment: [String: String] = [:]
    if let grafana {
        environment["GRAFANA_URL"] = grafana.url
        environment["GRAFANA_CREDENTIALS"] = "\(FakeGrafana.user):\(FakeGrafana.password)"
    }
    if let slack { environment["SLACK_WEBHOOK_URL"] = slack.url + FakeSlack.path }
    return environment
}
