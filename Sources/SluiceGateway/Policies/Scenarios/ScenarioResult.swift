import Sluice

/// How a scenario came out.
public struct ScenarioResult: Sendable {
    /// The file.
    public let path: String
    public let title: String
    /// Of the run that is shown.
    public let seed: Int
    /// How many seeds were tried, this one included.
    public let tried: Int
    let trace: ScenarioTrace
    let checks: [ScenarioCheck]

    /// Whether everything was as expected.
    public var isMet: Bool { checks.allSatisfy(\.isMet) }

    /// Lines for a person: one where all is well; otherwise what was expected and not met, and a timeline.
    /// - Parameters:
    ///   - isVerbose: every expectation, and all of the timeline.
    ///   - colours: default: none.
    public func text(isVerbose: Bool = false, colours: Colours = .none) -> String {
        let figures = ScenarioFigures(trace)
        var text =
            "\(isMet ? colours.paint("ok  ", .good) : colours.paint("FAIL", .bad))  \(title): \(figures.text)\(tried > 1 ? "; seed \(seed), the last of \(tried)" : "")\n"
        let failed = checks.filter { !$0.isMet }
        guard isVerbose || !failed.isEmpty else { return text }
        // What failed comes first.
        for check in failed + (isVerbose ? checks.filter(\.isMet) : []) {
            text += "\n  \(check.isMet ? "as expected" : "NOT MET"): \(check.name)  (\(path):\(check.place.line))\n"
            text += "    expected  \(check.expected)\n    actual    \(check.actual)\n"
        }
        let timeline = Timeline(trace)
        let head = "\n  timeline, seed \(seed)"
        if isVerbose { return text + "\(head)\n" + timeline.text }
        let culprits = failed.first?.culprits ?? []
        let about = culprits.isEmpty ? "" : " of \(culprits.map { trace.messages[$0].label }.joined(last: "and"))"
        return text + "\(head)\(about)\n"
            + timeline.excerpt(of: culprits, around: failed.first?.moment, limit: 40)
    }

    /// One line of JSON.
    public func json(isVerbose: Bool = false) -> String {
        let figures = ScenarioFigures(trace)
        let bytes = JSONWriter.object(capacity: 1_024) { json in
            json.member("file", path)
            json.member("scenario", title)
            json.member("passed", isMet)
            json.member("seed", Int64(seed))
            json.member("seeds_tried", Int64(tried))
            json.name("figures")
            json.object { json in
                json.member("events", Int64(figures.messages))
                json.member("attempts", Int64(figures.attempts))
                json.member("delivered", Int64(figures.deliveries))
                json.member("poisoned", Int64(figures.poisoned))
                json.member("waiting", Int64(figures.waiting))
                json.member("wait_p50_ms", figures.p50.wholeMilliseconds)
                json.member("wait_p99_ms", figures.p99.wholeMilliseconds)
                json.member("wait_longest_ms", figures.longest.wholeMilliseconds)
                json.member("virtual_ms", figures.end.wholeMilliseconds)
            }
            json.name("expectations")
            json.array { json in
                for check in checks {
                    json.object { json in
                        json.member("name", check.name)
                        json.member("line", Int64(check.place.line))
                        json.member("expected", check.expected)
                        json.member("actual", check.actual)
                        json.member("met", check.isMet)
                    }
                }
            }
            guard isVerbose else { return }
            json.name("timeline")
            json.array { json in
                for line in Timeline(trace).text.split(separator: "\n") {
                    json.string(String(line.drop { $0 == " " }))
                }
            }
        }
        return String(decoding: bytes, as: UTF8.self) + "\n"
    }
}

extension Duration {
    fileprivate var wholeMilliseconds: Int64 { DurationText.nanoseconds(self) / 1_000_000 }
}
