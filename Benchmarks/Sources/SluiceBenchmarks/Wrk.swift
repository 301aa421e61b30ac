import Crypto
import Foundation

/// Loads a port of this process with signed webhooks.
enum Wrk {
    struct Figures {
        var requests = 0.0
        var p50 = 0.0
        var p99 = 0.0
        /// Microseconds of this process's CPU time for each request.
        var cpu = 0.0
        var errors = ""
    }

    private static let program = "/usr/bin/wrk"

    static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: program) }

    static func load(port: Int, body: [UInt8], seconds: Int = 4) throws -> Figures {
        let directory = try Scratch()
        try Data(body).write(to: directory.url.appendingPathComponent("body"))
        try Data(script(directory.path("body"), signature(body)).utf8)
            .write(to: directory.url.appendingPathComponent("push.lua"))
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = [
            "-t1", "-c32", "-d\(seconds)s", "--latency", "-s", directory.path("push.lua"),
            "http://127.0.0.1:\(port)/webhooks/github",
        ]
        let pipe = Pipe()
        process.standardOutput = pipe
        let before = cpuSeconds()
        try process.run()
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return read(output, cpu: cpuSeconds() - before)
    }

    private static func signature(_ body: [UInt8]) -> String {
        let key = SymmetricKey(data: Array(WebhookBenchmarks.secret.utf8))
        return HMAC<SHA256>.authenticationCode(for: body, using: key).map { String(format: "%02x", $0) }.joined()
    }

    private static func script(_ body: String, _ signature: String) -> String {
        """
        local file = io.open("\(body)", "rb")
        wrk.method = "POST"
        wrk.body = file:read("*a")
        wrk.headers["Content-Type"] = "application/json"
        wrk.headers["X-GitHub-Event"] = "push"
        wrk.headers["X-GitHub-Delivery"] = "72d3162e-cc78-11e3-81ab-4c9367dc0958"
        wrk.headers["X-Hub-Signature-256"] = "sha256=\(signature)"
        """
    }

    private static func read(_ output: String, cpu: Double) -> Figures {
        var figures = Figures()
        var total = 1.0
        for line in output.split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            guard words.count > 1 else { continue }
            if words[0] == "50%" { figures.p50 = milliseconds(words[1]) }
            if words[0] == "99%" { figures.p99 = milliseconds(words[1]) }
            if words[0] == "Requests/sec:" { figures.requests = Double(words[1]) ?? 0 }
            if line.contains("requests in") { total = Double(words[0]) ?? 1 }
            if line.contains("Non-2xx") || line.contains("Socket errors") { figures.errors += line }
        }
        figures.cpu = cpu * 1e6 / total
        return figures
    }

    private static func milliseconds(_ text: String) -> Double {
        if text.hasSuffix("us") { return (Double(text.dropLast(2)) ?? 0) / 1_000 }
        if text.hasSuffix("ms") { return Double(text.dropLast(2)) ?? 0 }
        return (Double(text.dropLast(1)) ?? 0) * 1_000
    }
}
