import DashboardModel

/// What concerns what a panel asks.
extension DashboardCheck {
    func queryFindings(_ dashboard: Dashboard) -> [Finding] {
        dashboard.panels.flatMap { panel in
            panel.targets.flatMap { target in
                problems(target, panel).map { rule, problem in
                    Finding(
                        rule: rule, place: "\(dashboard.name), “\(panel.title)”, \(target.refID)", problem: problem)
                }
            }
        }
    }

    private func problems(_ target: Dashboard.Target, _ panel: Dashboard.Panel) -> [(Rule, String)] {
        let expression: PromQLExpression
        do {
            expression = try PromQLExpression(target.expression)
        } catch {
            return [(.promQL, error.description)]
        }
        return expression.selectors.flatMap { problems($0.selector, $0.calls) }
            + expression.strangeLabels(known).map { (.labels, "no series there has the label \($0)") }
            + legend(target, panel, expression) + heatmap(target, panel, expression)
            + exemplars(target, panel, expression)
    }

    private func problems(_ selector: PromQLSelector, _ calls: [String]) -> [(Rule, String)] {
        var problems: [(Rule, String)] = []
        if let range = selector.range, range != "$__rate_interval" {
            problems.append((.rateInterval, "[\(range)] instead of [$__rate_interval]"))
        }
        for name in ["job", "instance"]
        where selector.matchers.filter({ $0.label == name }) != [.init(name, "=~", "$\(name)")] {
            problems.append((.targetMatchers, "a selector without exactly \(name)=~\"$\(name)\""))
        }
        guard let metric = selector.metric else { return problems + [(.metrics, "a selector without a metric")] }
        if known.isCounter(metric) || metric.hasSuffix("_total"),
            selector.range == nil || !["rate", "irate", "increase"].contains(calls.last ?? "")
        {
            problems.append((.counters, "\(metric) only grows, and is not inside rate or increase"))
        }
        guard known.contains(metric) else { return problems + [(.metrics, "\(metric) does not exist")] }
        for matcher in selector.matchers {
            if known.labels(of: metric)?.contains(matcher.label) == false {
                problems.append((.labels, "\(metric) has no label \(matcher.label)"))
            } else if let strange = strangeValue(matcher, of: metric) {
                problems.append((.labelValues, "\(matcher.label) of \(metric) is never \(strange)"))
            }
        }
        return problems
    }

    /// A value that the label never has; a pattern counts as the words between its bars.
    private func strangeValue(_ matcher: PromQLSelector.Matcher, of metric: String) -> String? {
        guard let values = known.values(of: matcher.label, in: metric), !matcher.value.contains("$") else { return nil }
        let isPattern = matcher.comparison.hasSuffix("~")
        let wanted = isPattern ? matcher.value.split(separator: "|").map(String.init) : [matcher.value]
        let isPlain = wanted.allSatisfy { $0.allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" } }
        guard !isPattern || isPlain else { return nil }
        return wanted.first { !values.contains($0) }
    }

    /// `{{label}}` in a legend is empty where the result has no such label.
    private func legend(
        _ target: Dashboard.Target, _ panel: Dashboard.Panel, _ expression: PromQLExpression
    ) -> [(Rule, String)] {
        guard target.legend != "" else { return [(.legends, "no legend")] }
        guard let labels = expression.resultLabels(known) else { return [] }
        let names = target.legend.split(separator: "{{").dropFirst(target.legend.hasPrefix("{{") ? 0 : 1)
            .map { $0.prefix { $0 != "}" }.filter { !$0.isWhitespace } }
        let missing = names.filter { !labels.contains($0) }
        // Labels that tell the series apart and are not shown make several series look the same.
        let hidden = target.format != "time_series" ? [] : labels.filter { !names.contains($0) }
        return missing.map { (.legends, "the legend's label \($0) is not in the result") }
            + hidden.sorted().map { (.legends, "the legend does not tell \($0) apart") }
    }

    private func heatmap(
        _ target: Dashboard.Target, _ panel: Dashboard.Panel, _ expression: PromQLExpression
    ) -> [(Rule, String)] {
        let isBuckets = panel.type == "heatmap"
        guard (target.format == "heatmap") == isBuckets else { return [(.heatmaps, "its format is \(target.format)")] }
        guard isBuckets else { return [] }
        if case .aggregation("sum", PromQLGrouping(labels: ["le"]), parameter: nil, .call("increase", let arguments)) =
            expression,
            case .selector(let selector) = arguments.first, selector.metric?.hasSuffix("_bucket") == true
        {
            return []
        }
        return [(.heatmaps, "it is not sum by (le) (increase(…_bucket[$__rate_interval]))")]
    }

    private func exemplars(
        _ target: Dashboard.Target, _ panel: Dashboard.Panel, _ expression: PromQLExpression
    ) -> [(Rule, String)] {
        guard ["timeseries", "heatmap"].contains(panel.type), !target.isInstant,
            expression.metrics.contains(where: { $0.hasSuffix("_bucket") }), target.json["exemplar"] != true
        else { return [] }
        return [(.exemplars, "a histogram's exemplars are not asked for")]
    }
}
