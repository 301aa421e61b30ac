import Sluice
import Synchronization

/// The metrics of deployments. Services and environments come from outside, so only so many are told apart: those that
/// deployed last. One that has not been deployed for 400 days is gone, or for a week when a new one needs its place.
final class DeploymentMeter: Sendable {
    private struct Place: Hashable {
        let service: String
        let environment: String

        var labels: [(String, String)] { [("service", service), ("environment", environment)] }
    }

    private struct Series: Sendable {
        let succeeded: CounterHandle
        let failed: CounterHandle
        let changeFailures: CounterHandle
        let leadTime: HistogramHandle
        let timeToRestore: HistogramHandle
        let verdicts: VerdictSeries
    }

    private struct State {
        var services: LabelValues
        var environments: LabelValues
        var series: [Place: Series] = [:]
        /// Where something went live at all: a gauge at 0 would say 1970.
        var last: [Place: (gauge: GaugeHandle, milliseconds: Int64)] = [:]
        var undeployed: [Place: GaugeHandle] = [:]
        var unknown: [Place: GaugeHandle] = [:]
        var swept: Int64
    }

    static let lifetime: Int64 = 400 * 86_400
    static let leastLifetime: Int64 = 7 * 86_400

    private let instruments: Instruments
    private let gaps: [LeadTimeGap: CounterHandle]
    private let implausible: [Event.Kind: CounterHandle]
    private let now: @Sendable () -> Int64
    private let state: Mutex<State>

    /// - Parameter now: seconds of a clock that is never set.
    init(_ instruments: Instruments, now: @escaping @Sendable () -> Int64 = { MonotonicTime.now().seconds }) {
        self.instruments = instruments
        gaps = Dictionary(
            uniqueKeysWithValues: LeadTimeGap.allCases.map {
                ($0, instruments.counter(.leadTimesLeftOut, [("reason", $0.rawValue)]))
            })
        implausible = Dictionary(
            uniqueKeysWithValues: Event.Kind.allCases.map {
                (
                    $0,
                    instruments.counter(
                        .implausibleTimes, [("handler_name", DeploymentsRoute.name), ("event_type", $0.rawValue)])
                )
            })
        self.now = now
        func values(_ label: String) -> LabelValues {
            LabelValues(
                cap: Metric.deployments.cap(of: label), lifetime: Self.lifetime, leastLifetime: Self.leastLifetime)
        }
        state = Mutex(State(services: values("service"), environments: values("environment"), swept: now()))
        instruments.onRefresh(for: self) { [weak self] in self?.sweep() }
    }

    /// Shows a service that was deployed before this process began: its counters exist at 0 from now on.
    func restore(_ latest: DeploymentLedger.Latest) {
        let wall = Timestamp.now().millisecondsSince1970
        let age = latest.at.map { max(0, wall / 1_000 - $0.millisecondsSince1970 / 1_000) } ?? 0
        guard age < Self.lifetime else { return }
        update(service: latest.service, environment: latest.environment, at: latest.at, age: age) { _ in }
    }

    func count(_ deployment: Deployment, _ entry: DeploymentLedger.Entry) {
        if let gap = entry.gap { gaps[gap]?.increment() }
        update(service: deployment.serviceName, environment: deployment.env, at: deployment.occurredOn) { series in
            series.succeeded.increment()
            if let leadTime = entry.leadTime { series.leadTime.observe(leadTime.inSeconds) }
            if let timeToRestore = entry.timeToRestore { series.timeToRestore.observe(timeToRestore.inSeconds) }
        }
    }

    func countFailure(_ deployment: Deployment) {
        update(service: deployment.serviceName, environment: deployment.env, at: nil) { series in
            series.failed.increment()
            series.changeFailures.increment()
            series.verdicts.rolloutsFailed.increment()
        }
    }

    /// What a deployment turned out to be.
    func count(_ verdict: Verdict, _ parts: Verdict.Parts) {
        update(service: verdict.key.service, environment: verdict.key.environment, at: nil) { series in
            series.verdicts.count(verdict, parts)
        }
    }

    /// Of how many of the last deployments the contents are unknown.
    func show(_ place: DeploymentReport.Place) {
        guard let service = place.service, place.figures.shipping > 0 else { return }
        set(\.unknown, .deploymentsUnknown, service, place.environment) {
            Double(place.figures.unknownDeployments) / Double(place.figures.shipping)
        }
    }

    /// How far an environment is ahead of production.
    func show(_ pending: DeploymentReport.Pending) {
        guard pending.state != .unknown, pending.state != .notInProduction else { return }
        set(\.undeployed, .commitsUndeployed, pending.service, pending.environment) { Double(pending.commitCount) }
    }

    /// Sets a gauge of a place that is shown already: it makes no room for one.
    private func set(
        _ gauges: WritableKeyPath<State, [Place: GaugeHandle]>, _ metric: Metric, _ service: String,
        _ environment: String, _ value: () -> Double
    ) {
        state.withLock { state in
            let place = Place(service: service, environment: environment)
            guard state.series[place] != nil else { return }
            let gauge = state[keyPath: gauges][place] ?? instruments.gauge(metric, place.labels)
            state[keyPath: gauges][place] = gauge
            gauge.set(value())
        }
    }

    /// An event whose time is not believed: it enters no figure, and makes no service known.
    func countImplausible(_ event: Event, _ entry: DeploymentLedger.Entry) {
        implausible[event.kind]?.increment()
        if let gap = entry.gap { gaps[gap]?.increment() }
    }

    /// - Parameters:
    ///   - time: when the service last went live there; nil leaves that as it is.
    ///   - age: how long ago the service was deployed, in seconds.
    private func update(
        service: String, environment: String, at time: Timestamp?, age: Int64 = 0, _ body: (Series) -> Void
    ) {
        let now = now() - age
        state.withLock { state in
            let service = state.services.admit(service, at: now)
            if let retired = service.retired { retire(&state) { $0.service == retired } }
            let environment = state.environments.admit(environment, at: now)
            if let retired = environment.retired { retire(&state) { $0.environment == retired } }
            let place = Place(service: service.shown, environment: environment.shown)
            let series = state.series[place] ?? make(place)
            state.series[place] = series
            body(series)
            guard let time else { return }
            // Events may arrive out of order; the last deployment is the latest, not the last heard of.
            let gauge = state.last[place]?.gauge ?? instruments.gauge(.lastDeployment, place.labels)
            let last = max(state.last[place]?.milliseconds ?? .min, time.millisecondsSince1970)
            state.last[place] = (gauge, last)
            gauge.set(Double(last) / 1_000)
        }
    }

    /// Once an hour is often enough.
    private func sweep() {
        let now = now()
        state.withLock { state in
            guard now - state.swept >= 3_600 else { return }
            state.swept = now
            let services = Set(state.services.expire(at: now))
            let environments = Set(state.environments.expire(at: now))
            guard !services.isEmpty || !environments.isEmpty else { return }
            retire(&state) { services.contains($0.service) || environments.contains($0.environment) }
        }
    }

    private func retire(_ state: inout State, _ isOver: (Place) -> Bool) {
        for (place, series) in state.series where isOver(place) {
            for counter in [series.succeeded, series.failed, series.changeFailures] { instruments.retire(counter) }
            for histogram in [series.leadTime, series.timeToRestore] { instruments.retire(histogram) }
            series.verdicts.retire(instruments)
            if let gauge = state.last.removeValue(forKey: place)?.gauge { instruments.retire(gauge) }
            if let gauge = state.undeployed.removeValue(forKey: place) { instruments.retire(gauge) }
            if let gauge = state.unknown.removeValue(forKey: place) { instruments.retire(gauge) }
        }
        state.series = state.series.filter { !isOver($0.key) }
    }

    /// A service is not known before it is deployed.
    private func make(_ place: Place) -> Series {
        let labels = place.labels
        return Series(
            succeeded: instruments.counter(.deployments, labels + [("result", "success")], startsAtZero: true),
            failed: instruments.counter(.deployments, labels + [("result", "failure")], startsAtZero: true),
            changeFailures: instruments.counter(.changeFailures, labels, startsAtZero: true),
            leadTime: instruments.histogram(.deploymentLeadTime, labels, startsAtZero: true),
            timeToRestore: instruments.histogram(.timeToRestore, labels, startsAtZero: true),
            verdicts: VerdictSeries(instruments, labels))
    }
}

extension Metric {
    /// How many values of a label from outside are told apart.
    func cap(of label: String) -> Int {
        labels.first { $0.name == label }?.cap ?? 100
    }
}

extension Metric {
    static let deploymentsArea = Area(
        "Deployments",
        "Each deployment is counted once, also across redeliveries and restarts. A series appears with the first "
            + "deployment of its service to its environment. Verdicts are counted ten minutes after the last fact that changed them; "
            + "[DEPLOYMENTS.md](DEPLOYMENTS.md) has the definitions, and `sluice report deployments` is exact.",
        [
            deploymentsJudged, changeLeadTime, deploymentFailures, failedDeploymentRecovery, deploymentRework,
            rolloutsFailed,
            commitsUndeployed, deploymentsUnknown, lastDeployment, deployments, deploymentLeadTime, leadTimesLeftOut,
            changeFailures, timeToRestore,
        ])

    /// From 1 minute to 30 days: from a commit to its deployment.
    private static let leadTimes: [Double] = [
        60, 300, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400, 172_800, 604_800, 1_209_600, 2_592_000,
    ]
    static let deploymentResult = Label("result", "how it ended", values: ["success", "failure"])
    static let deployments = counter(
        "sluice_deployments_total",
        labels: [.service, .environment, deploymentResult],
        help:
            "Deprecated: sluice_deployments_judged_total and sluice_rollouts_failed_total. Deployments whose time is believed, each counted once."
    )
    static let deploymentLeadTime = histogram(
        "sluice_deployment_lead_time_seconds",
        labels: [.service, .environment],
        buckets: leadTimes,
        help:
            "Deprecated: sluice_change_lead_time_seconds. Time from the push of the deployed commit to its deployment.")
    static let leadTimesLeftOut = counter(
        "sluice_lead_times_left_out_total",
        labels: [
            Label(
                "reason", "why there is none",
                values: [
                    "unknown_commit", "short_hash", "ambiguous_hash", "implausible_time", "before_push", "old_commit",
                ])
        ],
        help:
            "Deprecated with sluice_deployment_lead_time_seconds. Deployments that succeeded without a lead time. `old_commit` sets apart commits older than 60 days."
    )
    static let lastDeployment = gauge(
        "sluice_last_deployment_timestamp_seconds",
        labels: [.service, .environment],
        help: "When a service was last deployed to an environment, in seconds since 1970.")
    static let changeFailures = counter(
        "sluice_change_failures_total",
        labels: [.service, .environment],
        help: "Deprecated: sluice_rollouts_failed_total. Deployments that never got there.")
    static let timeToRestore = histogram(
        "sluice_time_to_restore_seconds",
        labels: [.service, .environment],
        buckets: leadTimes,
        help:
            "Deprecated: sluice_failed_deployment_recovery_seconds. Time from a failed rollout to the next deployment that succeeded."
    )
}

extension Metric.Label {
    static let service = Metric.Label("service", "the deployed service", cap: 100)
    static let environment = Metric.Label("environment", "the environment", cap: 20)
}
