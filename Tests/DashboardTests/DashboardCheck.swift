import DashboardModel

/// Holds dashboards to the rules of Grafana's dashboard-linter and to those that it lacks.
struct DashboardCheck {
    /// A rule and what breaks it, in words that say where.
    struct Finding: Hashable, CustomStringConvertible {
        let rule: Rule
        let place: String
        let problem: String

        var description: String { "\(place): \(rule.rawValue): \(problem)" }
    }

    enum Rule: String, CaseIterable {
        // The dashboard
        case uneditable, identity, ids, grid, annotations, links
        // Its variables
        case datasourceVariable, targetVariables, variableQueries, refreshOnTimeChange, variablesUsed
        // Its panels
        case titles, descriptions, references, datasources, units, targets, thresholds, refIDs
        // Their queries
        case promQL, rateInterval, targetMatchers, counters, metrics, labels, labelValues, legends, heatmaps, exemplars
    }

    let known: KnownMetrics
    /// What a dashboard may link to and refer to.
    let siblings: [Dashboard]

    func findings(_ dashboard: Dashboard) -> [Finding] {
        dashboardFindings(dashboard) + variableFindings(dashboard) + panelFindings(dashboard)
            + queryFindings(dashboard)
    }

    /// Panels that show something else than queries.
    static let kindsWithoutQueries: Set<String> = ["text", "annolist", "dashlist"]
}

extension Dashboard.Panel {
    var asks: Bool { !DashboardCheck.kindsWithoutQueries.contains(type) }
}
