import Sluice
import SluiceHTTP
import Synchronization

/// Counts and times the requests made to sinks, and knows of each whether it answers: it is up until a request to it
/// has failed, since no request is sent before there is an event.
final class SinkMeters: Sendable {
    private final class Sink: Sendable {
        let requests: CounterFamily
        let duration: HistogramHandle
        let up: GaugeHandle
        private let reconnects: CounterHandle
        private let isConnected = Mutex(true)

        init(_ target: String, _ instruments: Instruments) {
            // What the other side answers may be any number.
            requests = instruments.counters(
                .httpClientRequests, [("target", target)], known: ["200", "429", "500"])
            duration = instruments.histogram(.httpClientRequestDuration, [("target", target)])
            up = instruments.gauge(.connectionUp, [("component", target)])
            up.set(1)
            reconnects = instruments.counter(.reconnects, [("component", target)])
        }

        /// - Parameter status: of the answer; nil when there was none.
        func answered(_ status: Int?) {
            isConnected.withLock { isConnected in
                up.set(status.map { $0 < 500 ? 1 : 0 } ?? 0)
                // A sink that answers 500 now and then does not come and go.
                if !isConnected, status != nil { reconnects.increment() }
                isConnected = status != nil
            }
        }
    }

    private let instruments: Instruments
    private let sinks = Mutex<[String: Sink]>([:])

    init(_ instruments: Instruments) {
        self.instruments = instruments
    }

    /// These are the sinks from now on.
    func follow(_ targets: [String]) {
        sinks.withLock { sinks in
            for target in targets where sinks[target] == nil { sinks[target] = Sink(target, instruments) }
            // One that is gone is neither up nor down.
            for target in sinks.keys where !targets.contains(target) {
                if let sink = sinks.removeValue(forKey: target) { instruments.retire(sink.up) }
            }
        }
    }

    func observe(_ observation: HTTPClient.Observation) {
        guard let sink = sinks.withLock({ $0[observation.target] }) else { return }
        sink.requests.increment(observation.code)
        sink.duration.observe(observation.duration.inSeconds, traceID: observation.traceID)
        sink.answered(observation.status)
    }
}
