import Sluice

/// The metrics of verdicts of one service in one environment.
struct VerdictSeries: Sendable {
    let rolloutsFailed: CounterHandle
    private let kinds: [DeploymentKind: CounterHandle]
    private let leadTime: HistogramHandle
    private let failures: CounterHandle
    private let recovery: HistogramHandle
    private let rework: CounterHandle

    init(_ instruments: Instruments, _ labels: [(String, String)]) {
        rolloutsFailed = instruments.counter(.rolloutsFailed, labels, startsAtZero: true)
        kinds = Dictionary(
            uniqueKeysWithValues: DeploymentKind.allCases.map {
                ($0, instruments.counter(.deploymentsJudged, labels + [("kind", $0.rawValue)], startsAtZero: true))
            })
        leadTime = instruments.histogram(.changeLeadTime, labels, startsAtZero: true)
        failures = instruments.counter(.deploymentFailures, labels, startsAtZero: true)
        recovery = instruments.histogram(.failedDeploymentRecovery, labels, startsAtZero: true)
        rework = instruments.counter(.deploymentRework, labels, startsAtZero: true)
    }

    func count(_ verdict: Verdict, _ parts: Verdict.Parts) {
        if parts.contains(.kind) {
            kinds[verdict.kind]?.increment()
            if verdict.kind == .hotfix || verdict.kind == .rollback { rework.increment() }
            for time in verdict.leadTimes { leadTime.observe(Double(time) / 1_000) }
        }
        if parts.contains(.failure) { failures.increment() }
        if parts.contains(.recovery), let time = verdict.recovery { recovery.observe(Double(time) / 1_000) }
    }

    func retire(_ instruments: Instruments) {
        for counter in [rolloutsFailed, failures, rework] + kinds.values { instruments.retire(counter) }
        for histogram in [leadTime, recovery] { instruments.retire(histogram) }
    }
}

extension Metric {
    /// From 1 minute to 60 days.
    private static let spans: [Double] = [
        60, 300, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400, 172_800, 604_800, 1_209_600, 2_592_000, 5_184_000,
    ]
    static let deploymentsJudged = counter(
        "sluice_deployments_judged_total",
        labels: [
            .service, .environment,
            Label("kind", "what the deployment is", values: DeploymentKind.allCases.map(\.rawValue)),
        ],
        help:
            "Deployments that succeeded, by what they are; forward and hotfix bring commits, and their rate is the deployment frequency."
    )
    static let changeLeadTime = histogram(
        "sluice_change_lead_time_seconds",
        labels: [.service, .environment],
        buckets: spans,
        help: "Change lead time: from each commit's making to its deployment, without commits older than 60 days.")
    static let deploymentFailures = counter(
        "sluice_deployment_failures_total",
        labels: [.service, .environment],
        help:
            "Deployments that got there and failed: a rollback names them, a hotfix follows, or an incident opens. Divided by those that bring commits it is the change fail rate."
    )
    static let failedDeploymentRecovery = histogram(
        "sluice_failed_deployment_recovery_seconds",
        labels: [.service, .environment],
        buckets: spans,
        help: "Failed deployment recovery time: from the failed deployment, or its incident's start, to its repair.")
    static let deploymentRework = counter(
        "sluice_deployment_rework_total",
        labels: [.service, .environment],
        help: "Hotfixes and rollbacks. Divided by all deployments it is the deployment rework rate.")
    static let rolloutsFailed = counter(
        "sluice_rollouts_failed_total",
        labels: [.service, .environment],
        help: "Deployments that never got there, as the deploy tool says. They are in no other figure.")
    static let commitsUndeployed = gauge(
        "sluice_commits_undeployed",
        labels: [.service, .environment],
        help: "Commits that an environment has and production has not.")
    static let deploymentsUnknown = gauge(
        "sluice_deployments_unknown_ratio",
        labels: [.service, .environment],
        help:
            "Of the deployments of the last 30 days that bring commits, the share of which not all of these are known.")
}
