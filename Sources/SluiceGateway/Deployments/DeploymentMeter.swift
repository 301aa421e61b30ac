import Sluice
import Synchronization

/// The metrics of deployments. Services and environments come from outside, so only so many are told apart.
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
        /// Nobody knows a service before it is deployed.
        let new: NewSeries
    }

    private struct State {
        var services: Set<String> = []
        var environments: Set<String> = []
        var series: [Place: Series] = [:]
        /// Where something went live at all: a gauge at 0 would say 1970.
        var last: [Place: (gauge: GaugeHandle, milliseconds: Int64)] = [:]
    }

    private let instruments: Instruments
    private let gaps: [LeadTimeGap: CounterHandle]
    private let implausible: [Event.Kind: CounterHandle]
    private let serviceCap = Metric.deployments.cap(of: "service")
    private let environmentCap = Metric.deployments.cap(of: "environment")
    private let state = Mutex(State())

    init(_ instruments: Instruments) {
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
    }

    /// Shows a service that was deployed before this process began: its counters exist at 0 from now on.
    func restore(_ latest: DeploymentLedger.Latest) {
        update(service: latest.service, environment: latest.environment, at: latest.at) { _ in }
    }

    func count(_ deployment: Deployment, _ entry: DeploymentLedger.Entry) {
        if let gap = entry.gap { gaps[gap]?.increment() }
        let time = entry.isPlausible ? deployment.occurredOn : nil
        update(service: deployment.serviceName, environment: deployment.env, at: time) { series in
            series.new.change {
                series.succeeded.increment()
                if let leadTime = entry.leadTime { series.leadTime.observe(leadTime.inSeconds) }
                if let timeToRestore = entry.timeToRestore { series.timeToRestore.observe(timeToRestore.inSeconds) }
            }
        }
    }

    func countFailure(_ deployment: Deployment) {
        update(service: deployment.serviceName, environment: deployment.env, at: nil) { series in
            series.new.change {
                series.failed.increment()
                series.changeFailures.increment()
            }
        }
    }

    /// An event whose time enters no figure.
    func countImplausible(_ event: Event) {
        implausible[event.kind]?.increment()
    }

    /// - Parameter time: when the service last went live there; nil leaves that as it is.
    private func update(service: String, environment: String, at time: Timestamp?, _ body: (Series) -> Void) {
        state.withLock { state in
            let place = Place(
                service: Self.admit(service, to: &state.services, cap: serviceCap),
                environment: Self.admit(environment, to: &state.environments, cap: environmentCap))
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

    private static func admit(_ value: String, to known: inout Set<String>, cap: Int) -> String {
        if known.contains(value) { return value }
        guard known.count < cap else { return "other" }
        known.insert(value)
        return value
    }

    private func make(_ place: Place) -> Series {
        let labels = place.labels
        return Series(
            succeeded: instruments.counter(.deployments, labels + [("result", "success")]),
            failed: instruments.counter(.deployments, labels + [("result", "failure")]),
            changeFailures: instruments.counter(.changeFailures, labels),
            leadTime: instruments.histogram(.deploymentLeadTime, labels),
            timeToRestore: instruments.histogram(.timeToRestore, labels), new: NewSeries(instruments))
    }
}

extension Metric {
    /// How many values of a label from outside are told apart.
    func cap(of label: String) -> Int {
        labels.first { $0.name == label }?.cap ?? 100
    }
}
