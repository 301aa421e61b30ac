import Sluice

/// What GitHub's webhooks told.
extension Metric {
    static let webhooksIgnored = counter(
        "sluice_webhooks_ignored_total",
        labels: [Label("event", "the value of X-GitHub-Event", cap: 40)],
        help: "Webhooks that were accepted and give no event.")
    static let factsRepaired = counter(
        "sluice_facts_repaired_total",
        labels: [Label("fact", "what it was", values: ["commit_time", "commit", "deployment_time"])],
        help:
            "Elements of webhooks that could not be read or believed: times that fell back to the push's own, commits without an id that were left out. The rest was kept."
    )
}
