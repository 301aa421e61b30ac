import DashboardModel
import Testing

/// Each rule of the check, and a dashboard that breaks it: a good one with one thing changed.
@Suite struct DashboardCheckTests {
    struct Breakage: Sendable, CustomTestStringConvertible {
        let rule: DashboardCheck.Rule
        let what: String
        let change: @Sendable (inout Dashboard) -> Void

        init(
            _ rule: DashboardCheck.Rule, _ what: String, _ change: @escaping @Sendable (inout Dashboard) -> Void
        ) {
            self.rule = rule
            self.what = what
            self.change = change
        }

        var testDescription: String { "\(rule.rawValue): \(what)" }
    }

    @Test(arguments: breakages)
    func finds(breakage: Breakage) throws {
        let good = try Self.good()
        let check = DashboardCheck(known: KnownMetrics(), siblings: [good, Self.sibling])
        #expect(check.findings(good) == [])
        var bad = good
        breakage.change(&bad)
        try #require(bad.json != good.json)
        #expect(Set(check.findings(bad).map(\.rule)) == [breakage.rule])
    }

    @Test func noRuleIsWithoutABreakage() {
        #expect(Set(Self.breakages.map(\.rule)) == Set(DashboardCheck.Rule.allCases))
    }

    static let breakages: [Breakage] = dashboards + variables + panels + queries

    static let dashboards: [Breakage] = [
        Breakage(.uneditable, "editable") { $0.json["editable"] = true },
        Breakage(.uneditable, "not said") { $0.json["editable"] = .null },
        Breakage(.identity, "no title") { $0.json["title"] = "" },
        Breakage(.identity, "another's uid") {
            $0.json["uid"] = "other"
            $0.json["links"][0]["url"] = "/d/good"
        },
        Breakage(.identity, "old schema") { $0.json["schemaVersion"] = 38 },
        Breakage(.identity, "exported for sharing") { $0.json["__inputs"] = [] },
        Breakage(.ids, "twice") { $0.json["panels"][1]["id"] = $0.json["panels"][2]["id"] },
        Breakage(.ids, "a row's") { $0.json["panels"][0]["id"] = $0.json["panels"][2]["id"] },
        Breakage(.ids, "none") { $0.json["panels"][1]["id"] = .null },
        Breakage(.grid, "too wide") { $0.json["panels"][1]["gridPos"]["w"] = 25 },
        Breakage(.grid, "beyond the edge") { $0.json["panels"][2]["gridPos"]["x"] = 20 },
        Breakage(.grid, "overlap") { $0.json["panels"][2]["gridPos"]["x"] = 11 },
        Breakage(.grid, "over a row") { $0.json["panels"][1]["gridPos"]["y"] = 0 },
        Breakage(.grid, "nowhere") { $0.json["panels"][1]["gridPos"] = .null },
        Breakage(.annotations, "missing") { $0.json["annotations"]["list"][0] = .null },
        Breakage(.annotations, "of Prometheus") {
            $0.json["annotations"]["list"][0]["datasource"] = ["type": "prometheus", "uid": "${datasource}"]
        },
        Breakage(.annotations, "switched off") { $0.json["annotations"]["list"][1]["enable"] = false },
        Breakage(.annotations, "on some panels only") { $0.json["annotations"]["list"][2]["filter"] = ["ids": [1]] },
        Breakage(.links, "none") { $0.json["links"] = [] },
        Breakage(.links, "to nowhere") { dashboard in
            var link = dashboard.json["links"][0]
            link["url"] = "/d/gone"
            dashboard.json["links"] = [dashboard.json["links"][0], link]
        },
        Breakage(.links, "without the time") { $0.json["links"][0]["keepTime"] = false },
    ]

    static let variables: [Breakage] = [
        Breakage(.datasourceVariable, "another kind") { $0.json["templating"]["list"][0]["query"] = "loki" },
        Breakage(.datasourceVariable, "another label") { $0.json["templating"]["list"][0]["label"] = "Source" },
        Breakage(.datasourceVariable, "two") { dashboard in
            var list = dashboard.json["templating"]["list"].elements
            list.append(list[0])
            list[4]["name"] = "datasource2"
            dashboard.json["templating"]["list"] = .array(list)
            dashboard.json["panels"][1]["links"] = [["url": "$datasource2"]]
        },
        Breakage(.targetVariables, "one value only") { $0.json["templating"]["list"][1]["multi"] = false },
        Breakage(.targetVariables, "not all") { $0.json["templating"]["list"][2]["includeAll"] = false },
        Breakage(.targetVariables, "all means .*") { $0.json["templating"]["list"][3]["allValue"] = ".*" },
        Breakage(.targetVariables, "no label") { $0.json["templating"]["list"][3]["label"] = .null },
        Breakage(.targetVariables, "a data source of its own") {
            $0.json["templating"]["list"][1]["datasource"] = ["type": "prometheus", "uid": "mine"]
        },
        Breakage(.variableQueries, "no query") { $0.json["templating"]["list"][1]["query"] = "up" },
        Breakage(.variableQueries, "not PromQL") {
            $0.json["templating"]["list"][1]["query"] = "label_values(up{, job)"
        },
        Breakage(.variableQueries, "an unknown metric") {
            $0.json["templating"]["list"][1]["query"] = "label_values(sluice_nothing, job)"
        },
        Breakage(.variableQueries, "an unknown label") {
            $0.json["templating"]["list"][1]["query"] = "label_values(up, pod)"
        },
        Breakage(.refreshOnTimeChange, "on load only") { $0.json["templating"]["list"][1]["refresh"] = 1 },
        Breakage(.variablesUsed, "undefined") { $0.json["panels"][1]["timeFrom"] = "$window" },
        Breakage(.variablesUsed, "undefined in braces") { $0.json["panels"][1]["timeFrom"] = "${window:raw}" },
        Breakage(.variablesUsed, "unused") { dashboard in
            var list = dashboard.json["templating"]["list"].elements
            list[3]["name"] = "topic"
            list[3]["label"] = "Topic"
            dashboard.json["templating"]["list"] = .array(dashboard.json["templating"]["list"].elements + [list[3]])
        },
        Breakage(.variablesUsed, "defined twice") { dashboard in
            let list = dashboard.json["templating"]["list"].elements
            dashboard.json["templating"]["list"] = .array(list + [list[3]])
        },
    ]

    static let panels: [Breakage] = [
        Breakage(.titles, "none") { $0.json["panels"][1]["title"] = "" },
        Breakage(.titles, "twice") { $0.json["panels"][1]["title"] = $0.json["panels"][2]["title"] },
        Breakage(.titles, "a row's") { $0.json["panels"][0]["title"] = "" },
        Breakage(.descriptions, "none") { $0.json["panels"][1]["description"] = .null },
        Breakage(.descriptions, "not what to do") {
            $0.json["panels"][1]["description"] = "What the panel shows.\n\n**Bad:** anything above a second."
        },
        Breakage(.references, "to a panel that is not there") { dashboard in
            let text = dashboard.json["panels"][1]["description"].text ?? ""
            dashboard.json["panels"][1]["description"] = .string(text + " See *Nothing at all?*.")
        },
        Breakage(.datasources, "a panel's own") {
            $0.json["panels"][1]["datasource"] = ["type": "prometheus", "uid": "mine"]
        },
        Breakage(.datasources, "a target's own") { $0.json["panels"][2]["targets"][0]["datasource"] = .null },
        Breakage(.units, "none") { $0.json["panels"][1]["fieldConfig"]["defaults"]["unit"] = .null },
        Breakage(.units, "unknown") { $0.json["panels"][1]["fieldConfig"]["defaults"]["unit"] = "seconds" },
        Breakage(.units, "a heatmap's") { $0.json["panels"][2]["fieldConfig"]["defaults"]["unit"] = .null },
        Breakage(.units, "a heatmap's axis") { $0.json["panels"][2]["options"]["yAxis"]["unit"] = .null },
        Breakage(.units, "a bar gauge's") {
            $0.json["panels"][1]["type"] = "bargauge"
            $0.json["panels"][1]["fieldConfig"]["defaults"]["unit"] = .null
        },
        Breakage(.units, "a state timeline's") {
            $0.json["panels"][1]["type"] = "state-timeline"
            $0.json["panels"][1]["fieldConfig"]["defaults"]["unit"] = .null
        },
        Breakage(.targets, "none") { dashboard in
            dashboard.json["panels"][1]["targets"] = []
        },
        Breakage(.thresholds, "none") { $0.json["panels"][1]["fieldConfig"]["defaults"]["thresholds"] = .null },
        Breakage(.thresholds, "Grafana's default") {
            $0.json["panels"][1]["fieldConfig"]["defaults"]["thresholds"]["steps"] = [
                ["color": "green"], ["color": "red", "value": 80],
            ]
        },
        Breakage(.thresholds, "descending") {
            $0.json["panels"][1]["fieldConfig"]["defaults"]["thresholds"]["steps"] = [
                ["color": "green"], ["color": "yellow", "value": 5], ["color": "red", "value": 1],
            ]
        },
        Breakage(.thresholds, "one colour") {
            $0.json["panels"][1]["fieldConfig"]["defaults"]["color"]["mode"] = "thresholds"
        },
        Breakage(.refIDs, "twice") { dashboard in
            let target = dashboard.json["panels"][1]["targets"][0]
            dashboard.json["panels"][1]["targets"] = [target, target]
        },
        Breakage(.refIDs, "none") { $0.json["panels"][1]["targets"][0]["refId"] = .null },
    ]

    private static func asks(_ rule: DashboardCheck.Rule, _ expression: String) -> Breakage {
        Breakage(rule, expression) {
            $0.json["panels"][1]["targets"][0]["expr"] = .string(expression.replacing("$T", with: target))
        }
    }

    private static let target = #"job=~"$job", instance=~"$instance""#

    static let queries: [Breakage] = [
        asks(.promQL, "sum by (handler_name) (rate(sluice_redeliveries_total{$T}[$__rate_interval])"),
        asks(.rateInterval, "sum by (handler_name) (rate(sluice_redeliveries_total{$T}[5m]))"),
        asks(.rateInterval, "sum by (handler_name) (increase(sluice_redeliveries_total{$T}[$__range]))"),
        asks(.rateInterval, "sum by (handler_name) (rate(sluice_redeliveries_total{$T}[$__interval]))"),
        asks(.targetMatchers, "sum by (handler_name) (sluice_throttle_waiting)"),
        asks(.targetMatchers, #"sum by (handler_name) (sluice_throttle_waiting{job=~"$job"})"#),
        asks(.targetMatchers, #"sum by (handler_name) (sluice_throttle_waiting{job="$job", instance=~"$instance"})"#),
        asks(.targetMatchers, #"sum by (handler_name) (sluice_throttle_waiting{$T, job!="x"})"#),
        asks(.targetMatchers, #"sum by (handler_name) (sluice_throttle_waiting{$T} + sluice_throttle_waiting)"#),
        asks(.counters, "sum by (handler_name) (sluice_redeliveries_total{$T})"),
        asks(.counters, "sum by (handler_name) (deriv(sluice_redeliveries_total{$T}[$__rate_interval]))"),
        asks(.counters, "max_over_time(sum by (handler_name) (sluice_redeliveries_total{$T})[1h:1m])"),
        asks(.counters, "sum by (handler_name) (sluice_retry_backoff_seconds_sum{$T})"),
        asks(.metrics, "sum by (handler_name) (sluice_throttle_queueing{$T})"),
        asks(.metrics, "sum by (handler_name) (sluice_retry_backoff_seconds{$T})"),
        asks(.metrics, "sum by (handler_name) ({$T})"),
        asks(.labels, #"sum by (handler_name) (sluice_throttle_waiting{$T, target="slack"})"#),
        asks(.labels, "max(sum by (handler_name, reason) (sluice_throttle_waiting{$T})) by (handler_name)"),
        asks(
            .labels,
            "sum by (handler_name) (sluice_throttle_waiting{$T}) * on (reason) group_left () sluice_throttle_waiting{$T}"
        ),
        asks(
            .labelValues,
            #"sum by (handler_name) (rate(sluice_deliveries_total{$T, outcome="lost"}[$__rate_interval]))"#),
        asks(
            .labelValues,
            #"sum by (handler_name) (rate(sluice_deliveries_total{$T, outcome=~"acked|lost"}[$__rate_interval]))"#),
        Breakage(.labelValues, "a bound between buckets") { dashboard in
            let text = dashboard.json["panels"][2]["targets"][0]["expr"].text ?? ""
            dashboard.json["panels"][2]["targets"][0]["expr"] = .string(
                text.replacing("{", with: #"{le="0.3", "#, maxReplacements: 1))
        },
        asks(.legends, "sum by (topic) (sluice_consumer_lag_messages{$T})"),
        asks(.legends, "sum by (handler_name, topic) (sluice_consumer_lag_messages{$T})"),
        asks(.legends, "sluice_throttle_waiting{$T}"),
        Breakage(.legends, "none") { $0.json["panels"][1]["targets"][0]["legendFormat"] = "" },
        Breakage(.legends, "a label that is not there") {
            $0.json["panels"][1]["targets"][0]["legendFormat"] = "{{handler_name}} {{ reason }}"
        },
        Breakage(.heatmaps, "another format") { $0.json["panels"][2]["targets"][0]["format"] = "time_series" },
        Breakage(.heatmaps, "a heatmap's format for lines") {
            $0.json["panels"][1]["targets"][0]["format"] = "heatmap"
        },
        Breakage(.heatmaps, "not increase") { dashboard in
            let text = dashboard.json["panels"][2]["targets"][0]["expr"].text ?? ""
            dashboard.json["panels"][2]["targets"][0]["expr"] = .string(text.replacing("increase", with: "rate"))
        },
        Breakage(.exemplars, "off") { $0.json["panels"][2]["targets"][0]["exemplar"] = false },
    ]

    /// A row, lines and a heatmap: the smallest dashboard with nothing to find.
    static func good() throws -> Dashboard {
        let source: JSONValue = ["type": "prometheus", "uid": "${datasource}"]
        let text: JSONValue =
            "What the panel shows.\n\n**Bad:** anything above a second.\n\n**Do:** see *Lines*, and act on it."
        func annotations(_ tag: JSONValue) -> JSONValue {
            [
                "name": tag, "enable": true, "datasource": ["type": "grafana", "uid": "-- Grafana --"],
                "target": ["type": "tags", "tags": [tag], "matchAny": false, "limit": 100],
            ]
        }
        func variable(_ name: JSONValue, _ label: JSONValue, _ query: JSONValue) -> JSONValue {
            [
                "type": "query", "name": name, "label": label, "query": query, "datasource": source, "multi": true,
                "includeAll": true, "allValue": ".+", "refresh": 2,
            ]
        }
        func panel(_ id: Int, _ type: JSONValue, _ title: JSONValue, _ target: JSONValue) -> JSONValue {
            var panel: JSONValue = [
                "type": type, "title": title, "description": text, "datasource": source,
                "fieldConfig": [
                    "defaults": [
                        "unit": "s", "color": ["mode": "palette-classic"],
                        "thresholds": ["mode": "absolute", "steps": [["color": "green", "value": 0]]],
                    ]
                ],
                "options": ["yAxis": ["unit": "s"]],
            ]
            panel["id"] = .number(Double(id))
            panel["gridPos"] = ["y": 1, "w": 12, "h": 8]
            panel["gridPos"]["x"] = .number(Double((id - 2) * 12))
            var target = target
            target["refId"] = "A"
            target["datasource"] = source
            panel["targets"] = [target]
            return panel
        }
        let buckets = #"sum by (le) (increase(sluice_throttle_wait_seconds_bucket{TARGET}[$__rate_interval]))"#
        return Dashboard(
            json: [
                "uid": "good", "title": "Good", "editable": false, "schemaVersion": 41,
                "links": [["title": "Other", "url": "/d/other", "keepTime": true, "includeVars": true]],
                "annotations": [
                    "list": [
                        annotations("pushed"), annotations("deploy-staging"), annotations("deploy-production"),
                        annotations("sluice-reload"),
                    ]
                ],
                "templating": [
                    "list": [
                        ["type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus"],
                        variable("job", "Job", "label_values(up, job)"),
                        variable("instance", "Instance", #"label_values(up{job=~"$job"}, instance)"#),
                        variable("handler", "Handler", "label_values(sluice_throttle_waiting, handler_name)"),
                    ]
                ],
                "panels": [
                    ["type": "row", "id": 1, "title": "Row", "gridPos": ["x": 0, "y": 0, "w": 24, "h": 1]],
                    panel(
                        2, "timeseries", "Lines",
                        [
                            "legendFormat": "{{handler_name}}", "format": "time_series",
                            "expr":
                                #"sum by (handler_name) (sluice_throttle_waiting{job=~"$job", instance=~"$instance"})"#,
                        ]),
                    panel(
                        3, "heatmap", "Heat",
                        [
                            "legendFormat": "{{le}}", "format": "heatmap", "exemplar": true,
                            "expr": .string(
                                buckets.replacing("TARGET", with: target + #", handler_name=~"$handler""#)),
                        ]),
                ],
            ], name: "good.json")
    }

    static let sibling = Dashboard(json: ["uid": "other", "title": "Other"], name: "other.json")
}
