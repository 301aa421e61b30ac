import SluicePrometheus
import SluiceTesting
import Testing

/// The checker finds what it says that it finds.
struct CheckerTests {
    @Test(arguments: [
        ("# TYPE a gauge\n# HELP a h\na 1", "newline"),
        ("# TYPE a gauge\n# HELP a h\na 1\na 1\n", "stands in line 3 already"),
        ("# TYPE a gauge\n# HELP a h\na 1\na{b=\"\"} 1\n", "stands in line 3 already"),
        ("# TYPE a gauge\n# HELP a h\na{b=\"1\",c=\"2\"} 1\na{c=\"2\",b=\"1\"} 1\n", "stands in line 3 already"),
        ("# TYPE a gauge\n# HELP a h\na{b=\"1\",b=\"2\"} 1\n", "stands twice"),
        ("# TYPE a gauge\na 1\n", "no HELP"),
        ("# HELP a h\na 1\n", "no TYPE"),
        ("a 1\n", "no TYPE"),
        ("# TYPE a thing\n# HELP a h\na 1\n", "unknown type"),
        (
            "# TYPE a gauge\n# HELP a h\na{b=\"1\"} 1\n# TYPE c gauge\n# HELP c h\nc 1\na{b=\"2\"} 1\n",
            "outside of its family"
        ),
        ("# TYPE a gauge\n# HELP a h\na 1\n# TYPE b gauge\n# HELP b h\nb 1\n# TYPE a gauge\n", "interleaved"),
        ("# TYPE a gauge\n# HELP a h\na 1\n# HELP a h\n", "follows its samples"),
        ("# TYPE a gauge\n# TYPE a gauge\n# HELP a h\na 1\n", "two TYPE"),
        ("# TYPE a counter\n# HELP a h\na 1\n", "lacks the suffix"),
        ("# TYPE a_total counter\n# HELP a_total h\na_total -1\n", "is -1"),
        ("# TYPE a_total counter\n# HELP a_total h\na_total NaN\n", "is nan"),
        ("# TYPE a_total gauge\n# HELP a_total h\na_total 1\n", "is no counter"),
        ("# TYPE a gauge\n# HELP a h\na 1 # {t=\"x\"} 1\n", "exemplars"),
        ("# TYPE a gauge\n# HELP a h\na{b=\"\\x\"} 1\n", "escape"),
        ("# TYPE a gauge\n# HELP a h\na{b=\"} 1\n", "does not end"),
        ("# TYPE a gauge\n# HELP a h\na{b=\"1\"}1\n", "expected"),
        ("# TYPE a gauge\n# HELP a h\na one\n", "not a number"),
        ("# TYPE a gauge\n# HELP a h\na inf\n", "not a number"),
        ("# TYPE a gauge\n# HELP a h\na 1\r\n", "carriage return"),
        ("# TYPE a gauge\n# HELP a h\na 1\n# TYPE a_sum gauge\n# HELP a_sum h\na_sum 1\n", nil),
        ("# TYPE a histogram\n# HELP a h\na_bucket{le=\"1.0\"} 1\na_sum 1\na_count 1\n", "lacks the bucket +Inf"),
        ("# TYPE a histogram\n# HELP a h\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 2\n", "differs"),
        ("# TYPE a histogram\n# HELP a h\na_bucket{le=\"+Inf\"} 1\na_count 1\n", "lacks its count or its sum"),
        ("# TYPE a histogram\n# HELP a h\na_bucket{le=\"+Inf\"} 1\na_sum -1\na_count 1\n", "the sum is -1"),
        (
            "# TYPE a histogram\n# HELP a h\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n",
            "holds less"
        ),
        (
            "# TYPE a histogram\n# HELP a h\na_bucket{le=\"2\"} 1\na_bucket{le=\"1\"} 1\na_bucket{le=\"+Inf\"} 1\na_sum 1\n"
                + "a_count 1\n", "out of order"
        ),
        (
            "# TYPE a histogram\n# HELP a h\na_bucket{b=\"1\",le=\"+Inf\"} 1\na_bucket{b=\"2\",le=\"+Inf\"} 1\n"
                + "a_sum{b=\"1\"} 1\na_count{b=\"1\"} 1\na_sum{b=\"2\"} 1\na_count{b=\"2\"} 1\n", "interleaved"
        ),
    ])
    func findsInText(body: String, message: String?) {
        expect(body, .text, message)
    }

    @Test(arguments: [
        ("# TYPE a gauge\n# HELP a h\na 1\n", "does not end in # EOF"),
        ("", "does not end in # EOF"),
        ("# EOF\n# EOF\n", "follows # EOF"),
        ("# TYPE a gauge\n\n# HELP a h\na 1\n# EOF\n", "blank line"),
        ("# a comment\n# EOF\n", "a comment"),
        ("# TYPE a_total counter\n# HELP a_total h\na_total 1\n# EOF\n", "has no TYPE"),
        (
            "# TYPE a_seconds gauge\n# UNIT a_seconds bytes\n# HELP a_seconds h\na_seconds 1\n# EOF\n",
            "does not end in its unit"
        ),
        (
            "# TYPE a counter\n# HELP a h\na_total 1\n# TYPE a_created gauge\n# HELP a_created h\na_created 1\n# EOF\n",
            "clashes"
        ),
        ("# TYPE a gauge\n# HELP a h\na 1 # {t=\"x\"} 1\n# EOF\n", "cannot have an exemplar"),
        ("# TYPE a counter\n# HELP a h\na_total 1 # {t=\"x\"} 1 1.5\n# EOF\n", nil),
        (
            "# TYPE a counter\n# HELP a h\na_total 1 # {t=\"\(String(repeating: "x", count: 128))\"} 1\n# EOF\n",
            "exceed 128"
        ),
        (
            "# TYPE a histogram\n# HELP a h\na_bucket{le=\"1.0\"} 1 # {t=\"x\"} 2\na_bucket{le=\"+Inf\"} 1\na_sum 1\n"
                + "a_count 1\n# EOF\n", "above its bucket"
        ),
        (
            "# TYPE a histogram\n# HELP a h\na_bucket{le=\"1.0\"} 1\na_bucket{le=\"+Inf\"} 2 # {t=\"x\"} 1\na_sum 1\n"
                + "a_count 2\n# EOF\n", "below its bucket"
        ),
        (
            "# TYPE a histogram\n# HELP a h\na_bucket{le=\"-1.0\"} 1\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n# EOF\n",
            "negative buckets has a sum"
        ),
    ])
    func findsInOpenMetrics(body: String, message: String?) {
        expect(body, .openMetrics, message)
    }

    @Test func findsACountThatFell() {
        var checker = ExpositionChecker(format: .text)
        let body = { (count: Int, gauge: Int) in
            Array(
                "# TYPE a_total counter\n# HELP a_total h\na_total \(count)\n# TYPE g gauge\n# HELP g h\ng \(gauge)\n"
                    .utf8)
        }
        #expect(checker.check(body(3, 5)) == [])
        #expect(checker.check(body(3, 4)) == [])
        #expect(checker.check(body(2, 4)).map(\.message) == ["a_total{} fell from 3.0 to 2.0"])
    }

    private func expect(_ body: String, _ format: ExpositionFormat, _ message: String?) {
        var checker = ExpositionChecker(format: format)
        let problems = checker.check(Array(body.utf8)).map(\.description)
        if let message {
            #expect(problems.contains { $0.contains(message) }, "\(problems)")
        } else {
            #expect(problems == [])
        }
    }
}
