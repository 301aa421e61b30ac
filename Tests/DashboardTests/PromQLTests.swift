import DashboardModel
import Testing

@Suite struct PromQLTests {
    @Test func findsSelectorsWithWhatIsCalledAroundThem() throws {
        let text = #"""
            histogram_quantile(0.95, sum by (le, handler_name) (
                rate(a_seconds_bucket{job=~"$job", handler_name=~"${handler:regex}"}[$__rate_interval])))
              / on (job) group_left (version) (sum(b{c!="}\"[5m]"} offset 5m) by (job) > bool 1) or vector(0)
            """#
        let expression = try PromQLExpression(text)
        let selectors = expression.selectors
        #expect(selectors.map(\.selector.metric) == ["a_seconds_bucket", "b"])
        #expect(selectors.first?.calls == ["histogram_quantile", "sum", "rate"])
        #expect(selectors.first?.selector.range == "$__rate_interval")
        #expect(
            selectors.first?.selector.matchers
                == [.init("job", "=~", "$job"), .init("handler_name", "=~", "${handler:regex}")])
        #expect(selectors.last?.selector.matchers == [.init("c", "!=", #"}\"[5m]"#)])
        #expect(expression.labels == ["le", "handler_name", "job", "version", "c"])
    }

    @Test(arguments: [
        "1 + 2 * 3 ^ -2", "time() - 5", "max_over_time(sum(rate(a[5m]))[1h:1m])", "topk(3, a)", "sum(a) without (b)",
        "count_values(\"v\", a)", "a @ 1609746000", "a[5m] offset -1h", "{__name__=\"a\"}", "-a", "a and b unless c",
        "sum", "rate(a[$__rate_interval])", "1e-3 * a", "Inf", "label_replace(a, \"b\", \"$1\", \"c\", \"(.*)\")",
        "$__range_s * a # a note",
    ])
    func reads(_ text: String) throws {
        _ = try PromQLExpression(text)
    }

    @Test(arguments: [
        "", "a +", "sum(", "a{", "a{b}", "a{b=c}", "a{b=\"c}", "rate(a[5m)", "a b", "(a", "a)", "sum(1, 2, 3)", "a;b",
        "rate(sum(a)[5m])",
    ])
    func refuses(_ text: String) {
        #expect(throws: PromQLError.self) { _ = try PromQLExpression(text) }
    }

    @Test func bindsAsPrometheusDoes() throws {
        let expression = try PromQLExpression("a or b * c ^ d ^ e - f")
        guard case .binary("or", _, _, .binary("-", _, .binary("*", _, _, .binary("^", _, _, .binary)), _)) = expression
        else {
            Issue.record("\(expression)")
            return
        }
    }

    @Test(arguments: [
        ("sluice_throttle_waiting", ["handler_name", "instance", "job"]),
        ("sum(sluice_throttle_waiting)", []),
        ("sum by (job) (sluice_throttle_waiting)", ["job"]),
        ("max without (job, instance) (sluice_throttle_waiting)", ["handler_name"]),
        ("topk(3, sum by (job) (up))", ["job"]),
        ("time() - up", ["instance", "job"]),
        ("vector(1)", []),
        (
            "histogram_quantile(0.9, sum by (le, job) (rate(sluice_throttle_wait_seconds_bucket[$__rate_interval])))",
            ["job"]
        ),
        ("sum by (job) (up) or sum by (instance) (up)", ["instance", "job"]),
        ("sluice_throttle_waiting and on (job) up", ["handler_name", "instance", "job"]),
        (
            "sluice_throttle_waiting / on (job) group_left (version) sluice_build_info",
            [
                "handler_name", "instance", "job", "version",
            ]
        ),
        ("up / on (job) up", ["job"]),
        ("up / ignoring (job) up", ["instance"]),
        (#"label_replace(up, "pod", "$1", "instance", "(.*)")"#, ["instance", "job", "pod"]),
        (#"count_values("value", up)"#, ["value"]),
        ("max_over_time(sum by (job) (up)[1h:1m])", ["job"]),
    ])
    func knowsTheLabelsOfAResult(text: String, labels: [String]) throws {
        #expect(try PromQLExpression(text).resultLabels(KnownMetrics())?.sorted() == labels)
    }

    @Test func doesNotKnowTheLabelsOfWhatItDoesNotKnow() throws {
        #expect(try PromQLExpression("job:nothing:sum").resultLabels(KnownMetrics()) == nil)
        #expect(try PromQLExpression("sum by (job) (job:nothing:sum)").resultLabels(KnownMetrics()) == ["job"])
    }

    @Test func readsTheNamesThatRecordingRulesGive() {
        var known = KnownMetrics()
        #expect(!known.contains("job:up:sum"))
        known.addRules("groups:\n- name: a\n  rules:\n  - record: job:up:sum\n    expr: sum by (job) (up)\n")
        #expect(known.contains("job:up:sum") && known.labels(of: "job:up:sum") == nil)
    }

    @Test func expandsVariables() {
        let expansion = VariableExpansion(["job": ".+", "x": "y"], rateInterval: "45s")
        #expect(
            expansion.expand(#"rate(a{job=~"$job",b="${x:regex}",c="^$",d="$unknown"}[$__rate_interval])"#)
                == #"rate(a{job=~".+",b="y",c="^$",d="$unknown"}[45s])"#)
        #expect(VariableExpansion.names(in: "$a ${b} ${c:csv} $1 $") == ["a", "b", "c"])
    }
}
