import Foundation
import GatewayTestSupport
import Testing

@testable import SluiceGateway

/// The schema for editors takes what the program takes, and refuses keys that it does not know.
struct SchemaTests {
    static let python = ProcessInfo.processInfo.environment["SLUICE_PYTHON"] ?? "python3"
    static let isThere = toolSucceeds([python, "-c", "import jsonschema, yaml"])

    /// Reads YAML as the program does: every scalar is a text or a number to an editor.
    private static let check = """
        import sys, json, yaml, jsonschema
        schema = json.load(open(sys.argv[1]))
        jsonschema.Draft202012Validator.check_schema(schema)
        validator = jsonschema.Draft202012Validator(schema)
        for path in sys.argv[2:]:
            for error in validator.iter_errors(yaml.safe_load(open(path))):
                print(path.split("/")[-1], "/".join(map(str, error.absolute_path)), error.message[:200])
        """

    private func errors(_ files: [String: String]) async throws -> [String] {
        let directory = try TemporaryDirectory()
        func write(_ text: String, _ name: String) throws -> String {
            let path = "\(directory.path)/\(name)"
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
            return path
        }
        let schema = try write(GatewayDocuments.schema, "schema.json")
        let paths = try files.sorted { $0.key < $1.key }.map { try write($0.value, $0.key) }
        let result = try await runTool([Self.python, "-c", Self.check, schema] + paths, in: directory)
        try #require(result.status == 0, "\(result.output)")
        return result.output.split(separator: "\n").map(String.init)
    }

    @Test(.enabled(if: isThere, "needs jsonschema (SLUICE_PYTHON names a python that has it)"))
    func takesTheExamples() async throws {
        var files: [String: String] = [:]
        for name in try ExampleConfigurations.names() { files[name] = try ExampleConfigurations.text(name) }
        #expect(files.count >= 3)
        #expect(try await errors(files) == [])
    }

    /// Each key of the documentation with its default, or with one of its words.
    @Test(.enabled(if: isThere, "needs jsonschema (SLUICE_PYTHON names a python that has it)"))
    func takesEveryKeyAndRefusesOthers() async throws {
        let rows = FileSections.keys.rows(FileSections(GatewayConfiguration()))
        var (files, wrong): ([String: String], [String: String]) = ([:], [:])
        for (number, row) in rows.enumerated() {
            let isList = row.path.first == "sinks" && row.path.dropFirst(2).first == "only" && row.path.count > 3
            var text = row.words.first ?? row.standard.flatMap { $0 == "on" || $0.isEmpty ? nil : $0 } ?? "x"
            if row.expected.hasPrefix("a mapping"), row.words.isEmpty, row.standard == nil { text = "{}" }
            if row.expected.hasPrefix("a list"), !text.hasPrefix("[") { text = isList ? "[x]" : "[]" }
            if row.path == ["sinks", "NAME", "only"] { text = "[{event: [commitPushed]}]" }
            func nested(_ path: [String]) -> String {
                path.enumerated().map { depth, key in
                    let dash = isList && depth == 3 ? "- " : ""
                    return String(repeating: "  ", count: depth) + dash + key + ":"
                }.joined(separator: "\n") + " "
            }
            files["\(number).yaml"] = nested(row.path) + text + "\n"
            if row.path.count > 1 { wrong["\(number).yaml"] = nested(row.path.dropLast() + ["no_such_key"]) + "x\n" }
        }
        #expect(files.count > 100)
        #expect(try await errors(files) == [])
        let refused = Set(try await errors(wrong).compactMap { $0.split(separator: " ").first.map(String.init) })
        // A mapping whose keys are names takes any: of headers, of librdkafka's properties, and of sinks.
        let free = wrong.filter { !refused.contains($0.key) }.map(\.value)
        #expect(free.allSatisfy { $0.split(separator: "\n").count <= 2 }, "\(free)")
    }
}
