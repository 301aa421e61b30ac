import Foundation
import Sluice

/// Runs scenario files.
public struct ScenarioTool: Sendable {
    /// A file that can be run.
    public struct File: Sendable {
        public let path: String
        let scenario: Scenario

        /// What it tries: what it says, or its name.
        public var title: String {
            scenario.title ?? URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
        }

        /// Its own seed.
        public var seed: Int { scenario.seed }
    }

    /// Takes the place of the files' own.
    public var seed: Int?
    /// So many are tried, one after the other from that one on, until something is not as expected. At least 1.
    public var seeds: Int

    public init(seed: Int? = nil, seeds: Int = 1) {
        self.seed = seed
        self.seeds = seeds
    }

    /// The files that are meant: files as they are, and of directories what ends in `.yaml` or `.yml`, in order of the names.
    /// - Throws: ``ToolError``, which ends with 78, when one is not there, or a directory has none.
    public static func paths(_ named: [String]) throws -> [String] {
        try named.flatMap { path -> [String] in
            switch FileContent(path) {
            case .bytes, .tooLarge: return [path]
            case .missing: throw fault("there is no file \(path)")
            case .unreadable: throw fault("\(path) cannot be read")
            case .special: throw fault("\(path) is a pipe or a device, and no file")
            case .directory:
                let names = try FileManager.default.contentsOfDirectory(atPath: path)
                    .filter { ($0.hasSuffix(".yaml") || $0.hasSuffix(".yml")) && !$0.hasPrefix(".") }.sorted()
                guard !names.isEmpty else {
                    throw fault("the directory \(path) has no files that end in .yaml or .yml")
                }
                return names.map { path.hasSuffix("/") ? path + $0 : "\(path)/\($0)" }
            }
        }
    }

    /// Reads a file.
    /// - Throws: ``FileFaults``, with everything that is wrong with it; ``ToolError``.
    public static func read(_ path: String) throws -> File {
        guard case .bytes(let bytes) = FileContent(path) else { throw fault("\(path) cannot be read") }
        // Some editors put a byte order mark in front.
        let content = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes[3...] : bytes[...]
        guard let text = String(validating: content, as: UTF8.self) else {
            throw FileFaults(path: path, faults: [FileFault(line: 1, column: 1, text: "expected text in UTF-8")])
        }
        return File(path: path, scenario: try Scenario(text, path: path))
    }

    /// Runs a scenario in virtual time.
    /// - Returns: how the last run came out: the first that was not as expected, where there is one.
    /// - Throws: what keeps it from running.
    public func run(_ file: File) async throws -> ScenarioResult {
        let first = seed ?? file.seed
        let bar = ProgressBar("trying \(file.title)", unit: .things("seeds"), total: Int64(seeds))
        defer { bar.finish() }
        var result = try await run(file, seed: first, tried: 1)
        for offset in 1..<max(seeds, 1) where result.isMet {
            bar.update(Int64(offset))
            result = try await run(file, seed: first.addingSaturated(offset), tried: offset + 1)
        }
        return result
    }

    private func run(_ file: File, seed: Int, tried: Int) async throws -> ScenarioResult {
        let trace = try await ScenarioRun(scenario: file.scenario, seed: UInt64(clamping: seed)).trace()
        return ScenarioResult(
            path: file.path, title: file.title, seed: seed, tried: tried, trace: trace,
            checks: trace.checks(file.scenario.expectations))
    }

    private static func fault(_ text: String) -> ToolError {
        ToolError(text, exitStatus: ExitStatus.faultyFile)
    }
}
