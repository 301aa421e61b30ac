import Foundation

/// What the program weighs when nothing happens. It must have been built before: `make build`.
enum MemoryBenchmarks {
    private static let program = ".build/release/sluice"

    static func run(scale: Double) async throws {
        guard FileManager.default.isExecutableFile(atPath: program) else {
            return print("\n(\(program) is not built: no figure for its memory)")
        }
        let directory = try Scratch()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.environment = [
            "SLUICE_DATA": directory.path("data"), "BIND_ADDR": "127.0.0.1:18080",
            "METRICS_BIND_ADDR": "127.0.0.1:18081",
        ]
        process.standardError = FileHandle.nullDevice
        try process.run()
        defer {
            process.terminate()
            process.waitUntilExit()
        }
        try await Task.sleep(for: .seconds(3))
        let status = try String(contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8)
        Report.subject("Memory of the idle program", columns: ["what", "KiB"])
        for (field, name) in [
            ("VmRSS:", "resident"), ("RssAnon:", "of it private"), ("RssFile:", "of it mapped files"),
        ] {
            let line = status.split(separator: "\n").first { $0.hasPrefix(field) }
            Report.row(name, line.map { $0.split(whereSeparator: \.isWhitespace)[1].description } ?? "unknown")
        }
    }
}
