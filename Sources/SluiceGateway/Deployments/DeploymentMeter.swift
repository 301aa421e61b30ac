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
    }

    private struct State {
        var services: LabelValues
        var environments: LabelValues
        var series: [Place: Series] = [:]
        /// Where something went live at all: a gauge at 0 would say 1970.
        var last: [Place: (gauge: GaugeHandle, milliseconds: Int64)] = [:]
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
            if let gauge = state.last.removeValue(forKey: place)?.gauge { instruments.retire(gauge) }
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
            timeToRestore: instruments.histogram(.timeToRestore, labels, startsAtZero: true))
    }
}

extension Metric {
    /// How many values of a label from outside are told apart.
    func cap(of label: String) -> Int {
        labels.first { $0.name == label }?.cap ?? 100
    }
}
