import DashboardModel
import Foundation

/// What concerns a dashboard's variables.
extension DashboardCheck {
    private static let source: JSONValue = ["type": "prometheus", "uid": "${datasource}"]

    func variableFindings(_ dashboard: Dashboard) -> [Finding] {
        var problems = datasourceVariable(dashboard).map { (Rule.datasourceVariable, $0) }
        problems += targetVariables(dashboard).map { (.targetVariables, $0) }
        for variable in dashboard.variables where variable.type == "query" {
            problems += query(variable).map { (.variableQueries, "\(variable.name) \($0)") }
            if variable.json["refresh"] != 2 {
                problems.append(
                    (.refreshOnTimeChange, "\(variable.name) is not read again when the time range changes"))
            }
        }
        problems += usage(dashboard).map { (.variablesUsed, $0) }
        return problems.map { Finding(rule: $0, place: dashboard.name, problem: $1) }
    }

    private func datasourceVariable(_ dashboard: Dashboard) -> [String] {
        let sources = dashboard.variables.filter { $0.type == "datasource" }
        guard let source = sources.first, sources.count == 1 else { return ["there is not exactly one"] }
        return source.name == "datasource" && source.query == "prometheus" && source.json["label"] == "Data source"
            ? [] : ["it is not `datasource` for prometheus, labelled “Data source”"]
    }

    private func targetVariables(_ dashboard: Dashboard) -> [String] {
        let queries = dashboard.variables.filter { $0.type == "query" }
        let missing = ["job", "instance", "handler"].filter { name in !queries.contains { $0.name == name } }
        let wrong = queries.filter { variable in
            let json = variable.json
            return json["multi"] != true || json["includeAll"] != true || json["allValue"] != ".+"
                || json["datasource"] != Self.source || json["label"].text != variable.name.capitalized
        }
        return missing.map { "no \($0)" }
            + wrong.map { "\($0.name) has no label or is not: of the data source, multi, include all, .+" }
    }

    /// `label_values(selector, label)`, with a selector that reads what exists.
    private func query(_ variable: Dashboard.Variable) -> [String] {
        let text = variable.query
        guard let open = text.firstIndex(of: "("), text.hasSuffix(")"),
            ["label_values", "query_result", "label_names", "metrics"].contains(text[..<open])
        else { return ["is not a query such as label_values(…)"] }
        var body = text[open...].dropFirst().dropLast()
        var label: String?
        if text.hasPrefix("label_values"), let comma = body.lastIndex(of: ",") {
            label = body[comma...].dropFirst().filter { !$0.isWhitespace }
            body = body[..<comma]
        }
        guard text.hasPrefix("label_values") || text.hasPrefix("query_result") else { return [] }
        do {
            let expression = try PromQLExpression(String(body))
            let unknown = expression.metrics.filter { !known.contains($0) }
            guard unknown.isEmpty else { return unknown.map { "reads \($0), which does not exist" } }
            guard let label, let labels = expression.resultLabels(known), !labels.contains(label) else { return [] }
            return ["reads the label \(label), which is not there"]
        } catch {
            return ["cannot be read: \(error)"]
        }
    }

    private func usage(_ dashboard: Dashboard) -> [String] {
        let declared = Set(dashboard.variables.map(\.name))
        let panels = dashboard.everything.flatMap(\.strings)
        let everything = panels + dashboard.json["templating"].strings + dashboard.json["annotations"].strings
        let shown = Set(panels.flatMap(VariableExpansion.names))
        let used = Set(everything.flatMap(VariableExpansion.names))
        return declared.subtracting(shown).sorted().map { "\($0) is used by no panel" }
            + used.subtracting(declared).filter { !$0.hasPrefix("__") }.sorted().map { "\($0) is not defined" }
            + repeated(dashboard.variables.map(\.name)).map { "\($0) is defined more than once" }
    }
}
