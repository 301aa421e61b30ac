import DashboardModel
import Foundation

/// What concerns a panel, whatever it asks.
extension DashboardCheck {
    private static let source: JSONValue = ["type": "prometheus", "uid": "${datasource}"]
    /// Grafana's names of the units that its dashboard-linter knows and that can be meant here.
    private static let units: Set<String> = [
        "none", "string", "short", "percent", "percentunit", "locale", "bytes", "decbytes", "bits", "Bps", "binBps",
        "bps",
        "dateTimeAsIso", "dateTimeAsIsoNoDateIfToday", "dateTimeAsLocal", "dateTimeAsLocalNoDateIfToday",
        "dateTimeAsSystem", "dateTimeFromNow", "hertz", "ns", "µs", "ms", "s", "m", "h", "d", "dtdurationms",
        "dtdurations",
        "dthms", "dtdhms", "cps", "ops", "reqps", "rps", "wps", "iops", "cpm", "opm", "rpm", "wpm", "bool",
        "bool_yes_no",
        "bool_on_off",
    ]

    func panelFindings(_ dashboard: Dashboard) -> [Finding] {
        var findings: [Finding] = []
        for title in repeated(dashboard.panels.map(\.title)) {
            findings.append(Finding(rule: .titles, place: dashboard.name, problem: "“\(title)” stands more than once"))
        }
        for row in dashboard.everything where row["type"] == "row" && (row["title"].text ?? "").isEmpty {
            findings.append(Finding(rule: .titles, place: dashboard.name, problem: "a row without a title"))
        }
        for panel in dashboard.panels {
            let problems =
                words(panel) + (panel.asks ? source(panel) + [unit(panel)] + refIDs(panel) + [threshold(panel)] : [])
            findings += problems.compactMap(\.self).map { rule, problem in
                Finding(rule: rule, place: "\(dashboard.name), “\(panel.title)”", problem: problem)
            }
        }
        return findings
    }

    private func words(_ panel: Dashboard.Panel) -> [(Rule, String)?] {
        var problems: [(Rule, String)?] = []
        if panel.title.trimmingCharacters(in: .whitespaces).isEmpty { problems.append((.titles, "no title")) }
        let description = panel.json["description"].text ?? ""
        let parts = description.components(separatedBy: "\n\n")
        let isWhole =
            parts.count == 3 && parts.allSatisfy { $0.count > 15 } && parts[1].hasPrefix("**Bad:** ")
            && parts[2].hasPrefix("**Do:** ")
        if !isWhole {
            problems.append((.descriptions, "it does not say what it means, what a bad value is, and what to do"))
        }
        // A panel's name in a description is set in italics and begins with a capital letter.
        let titles = (siblings.flatMap(\.panels) + [panel]).map(\.title)
        for name in description.replacing("**", with: "").components(separatedBy: "*").enumerated()
            .filter({ $0.offset % 2 == 1 }).map(\.element)
        where name.first?.isUppercase == true && !titles.contains(where: { $0.hasPrefix(name) }) {
            problems.append((.references, "it refers to “\(name)”, which no panel is called"))
        }
        return problems
    }

    private func source(_ panel: Dashboard.Panel) -> [(Rule, String)?] {
        let isMissing = panel.targets.isEmpty || panel.targets.contains { $0.expression.isEmpty }
        let isElsewhere =
            panel.json["datasource"] != Self.source || panel.targets.contains { $0.json["datasource"] != Self.source }
        return [
            isMissing ? (.targets, "it asks nothing") : nil,
            isElsewhere ? (.datasources, "it or one of its targets does not use ${datasource}") : nil,
        ]
    }

    private func unit(_ panel: Dashboard.Panel) -> (Rule, String)? {
        var units = [panel.unit]
        if panel.type == "heatmap" { units.append(panel.json["options"]["yAxis"]["unit"].text) }
        for unit in units where unit.map(Self.units.contains) != true {
            return (.units, unit.map { "\($0) is no unit of Grafana's" } ?? "no unit")
        }
        return nil
    }

    private func refIDs(_ panel: Dashboard.Panel) -> [(Rule, String)?] {
        let ids = panel.targets.map(\.refID)
        return ids.contains("") || !repeated(ids).isEmpty ? [(.refIDs, "refIds are missing or not unique")] : []
    }

    private func threshold(_ panel: Dashboard.Panel) -> (Rule, String)? {
        let defaults = panel.json["fieldConfig"]["defaults"]
        let steps = defaults["thresholds"]["steps"].elements
        let values = steps.dropFirst().compactMap { $0["value"].number }
        if steps.isEmpty { return (.thresholds, "none, which is Grafana's default: red from 80") }
        if steps.count == 2, values == [80], steps[1]["color"].text?.hasSuffix("red") == true {
            return (.thresholds, "Grafana's default: red from 80")
        }
        if values.count < steps.count - 1 || zip(values, values.dropFirst()).contains(where: { $0 >= $1 }) {
            return (.thresholds, "they do not ascend")
        }
        let isColored = defaults["color"]["mode"] == "thresholds"
        if isColored, steps.count == 1, defaults["mappings"].elements.isEmpty {
            return (.thresholds, "they colour it and hold only one colour")
        }
        return nil
    }
}
