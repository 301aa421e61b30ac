import Foundation
import SluicePrometheus
import SluiceTesting
import Testing

/// What others say of our expositions.
struct RefereeTests {
    static let hasPromtool = (try? run(["promtool", "--version"]))??.status == 0
    static let python = ProcessInfo.processInfo.environment["SLUICE_PYTHON"] ?? "python3"
    static let hasParser = (try? run([python, "-c", "import prometheus_client.openmetrics.parser"]))??.status == 0

    @Test(.enabled(if: hasPromtool, "needs promtool (Debian: prometheus)"))
    func promtoolHasNothingToSay() throws {
        let verdict = try #require(
            try run(["promtool", "check", "metrics"], input: makeEverything().exposition(.text)))
        #expect(verdict.status == 0, "\(verdict.output)")
        #expect(verdict.output == "")
    }

    @Test(.enabled(if: hasPromtool, "needs promtool (Debian: prometheus)"))
    func promtoolWouldHaveSomethingToSay() throws {
        let broken = Array("# TYPE a counter\na{b=\"c} 1\n".utf8)
        #expect(try run(["promtool", "check", "metrics"], input: broken)?.status != 0)
    }

    @Test(
        .enabled(if: hasParser, "needs prometheus-client (SLUICE_PYTHON names a python that has it)"),
        arguments: [ExpositionFormat.text, .openMetrics])
    func prometheusClientReadsBackEverySample(format: ExpositionFormat) throws {
        let body = makeEverything().exposition(format)
        let script = """
            import json, sys
            from prometheus_client.\(format == .openMetrics ? "openmetrics." : "")parser import \\
                text_string_to_metric_families
            text = sys.stdin.buffer.read().decode("utf-8")
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    exemplar = sample.exemplar and [sample.exemplar.labels, repr(float(sample.exemplar.value))]
                    print(json.dumps([sample.name, sample.labels, repr(float(sample.value)), exemplar]))
            """
        let verdict = try #require(try run([Self.python, "-c", script], input: body))
        #expect(verdict.status == 0, "\(verdict.output)")
        let theirs = try verdict.output.split(separator: "\n").map { line in
            let parts = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [Any])
            return Read(
                name: parts[0] as? String ?? "", labels: parts[1] as? [String: String] ?? [:],
                value: parts[2] as? String ?? "",
                exemplar: (parts[3] as? [Any])?.first as? [String: String],
                exemplarValue: (parts[3] as? [Any])?.last as? String)
        }
        let ours = Exposition(body, format: format).samples.map { sample in
            Read(
                name: sample.name,
                labels: Dictionary(sample.labels.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 }),
                value: sample.value.description, exemplar: sample.exemplar?.labels,
                exemplarValue: sample.exemplar?.value.description)
        }
        #expect(ours.count > 400)
        #expect(Set(theirs) == Set(ours))
        #expect(theirs.count == ours.count)
        let values = Set(
            theirs.filter { $0.name == "demo_level" }.compactMap { $0.labels["path"] }.map { Array($0.utf8) })
        #expect(values == Set(nastyValues.map { Array($0.utf8) }))
    }

    @Test(arguments: [ExpositionFormat.text, .openMetrics])
    func ourCheckerFindsNothing(format: ExpositionFormat) {
        let registry = makeEverything()
        var checker = ExpositionChecker(format: format)
        #expect(checker.check(registry.exposition(format)) == [])
        registry.histogram("demo_wait_seconds").record(0.1)
        #expect(checker.check(registry.exposition(format)) == [])
    }

    private struct Read: Hashable {
        var name: String
        var labels: [String: String]
        var value: String
        var exemplar: [String: String]?
        var exemplarValue: String?
    }
}
