import DashboardModel
import Foundation
import GatewayTestSupport

/// Asks Prometheus a query, and tells what is wrong with it or with the answer.
struct QueryCheck {
    let prometheus: PrometheusServer
    let known: KnownMetrics
    /// When there was the first data.
    let start: Date

    struct Question {
        /// Where the query stands.
        let name: String
        let query: String
        /// Whether it asks for one moment, which is now.
        var isInstant = false
    }

    /// What stays wrong. A scrape that a busy machine missed ends every series until the next, so that what has no
    /// answer is asked again, all together and some scrapes later.
    /// - Returns: a line for each thing that is wrong.
    func lastingProblems(_ questions: [Question]) async throws -> [String] {
        var problems: [String] = []
        var open = questions
        for pause in [0, 1, 3, 5, 10, 20].map(Duration.seconds) where !open.isEmpty {
            try await Task.sleep(for: pause)
            problems = []
            var unanswered: [Question] = []
            for question in open {
                let wrong = await self.problems(question.name, question.query, isInstant: question.isInstant)
                problems += wrong
                if !wrong.isEmpty { unanswered.append(question) }
            }
            open = unanswered
        }
        return problems
    }

    /// What is wrong now: a line for each thing.
    func problems(_ name: String, _ query: String, isInstant: Bool = false) async -> [String] {
        do {
            let expression = try PromQLExpression(query)
            var problems = unknown(in: expression)
            let answer =
                isInstant
                ? try await prometheus.query(query)
                : try await prometheus.query(query, from: start, to: Date(), step: 1)
            if !answer.contains(where: { $0.values.contains(where: \.isFinite) }) {
                problems.append(answer.isEmpty ? "no data" : "no number")
            }
            for (selector, _) in expression.selectors {
                let text = Self.text(of: selector)
                if try await prometheus.query(text).isEmpty { problems.append("no series \(text)") }
            }
            return problems.map { "\(name): \($0): \(query)" }
        } catch {
            return ["\(name): \(error): \(query)"]
        }
    }

    /// Names that the catalogue does not have.
    private func unknown(in expression: PromQLExpression) -> [String] {
        // What `label_replace` makes in the recording rules.
        var labels: Set<String> = ["sli"]
        var problems: [String] = []
        for (selector, _) in expression.selectors {
            guard let metric = selector.metric, known.contains(metric) else {
                problems.append("unknown metric \(selector.metric ?? "")")
                continue
            }
            // Those of a recording rule's series are its own affair.
            guard let own = known.labels(of: metric) else { return problems }
            labels.formUnion(own)
            problems += selector.matchers.filter { !own.contains($0.label) }.map { "\(metric) has no \($0.label)" }
        }
        return problems + expression.labels.subtracting(labels).map { "nothing has a label \($0)" }
    }

    private static func text(of selector: PromQLSelector) -> String {
        let matchers = selector.matchers.map { "\($0.label)\($0.comparison)\"\($0.value)\"" }
        return "\(selector.metric ?? ""){\(matchers.joined(separator: ", "))}"
    }

    /// A comparison that filters, as alerts have them, becomes one that answers 0 or 1: an alert that is silent has
    /// data all the same.
    static func answering(_ alert: String) -> String {
        var result = ""
        var rest = alert[...]
        while let character = rest.first {
            if let quoted = rest.prefixMatch(of: /"[^"]*"|\{[^}]*\}/) {
                result += quoted.output
                rest = rest[quoted.range.upperBound...]
            } else if let comparison = rest.prefixMatch(of: /==|!=|>=|<=|>|</) {
                result += comparison.output + " bool"
                rest = rest[comparison.range.upperBound...]
            } else {
                result.append(character)
                rest = rest.dropFirst()
            }
        }
        return result
    }
}
