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
    }

    /// Takes the place of the files' own.
    public var seed: Int?

    public init(seed: Int? = nil) {
        self.seed = seed
    }

    /// The files that are meant: files as they are, and of directories what ends in `.yaml` or `.yml`, in order of the names.
    /// - Throws: ``ToolError``, which ends with 78, when one is not there, or a directory has none.
    public static func paths(_ named: [String]) throws -> [String] {
        try named.flatMap { path -> [String] in
            switch FileContent(path) {
            case .bytes, .tooLarge: return [path]
            case .missing: throw fault("there is no file \(path)")
            case .unreadable: throw fault("\(path) cannot be read")
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
    /// - Throws: what keeps it from running.
    public func run(_ file: File) async throws -> ScenarioResult {
        let seed = seed ?? file.scenario.seed
        let trace = try await ScenarioRun(scenario: file.scenario, seed: UInt64(clamping: seed)).trace()
        return ScenarioResult(
            path: file.path, title: file.title, seed: seed, trace: trace,
            checks: trace.checks(file.scenario.expectations))
    }

    private static func fault(_ text: String) -> ToolError {
        ToolError(text, exitStatus: ExitStatus.faultyFile)
    }
}
