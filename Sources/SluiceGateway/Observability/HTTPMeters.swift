import Sluice
import SluiceHTTP
import Synchronization

/// Counters of requests by the status that we answer, of which there are few: made at first sight, found again by its
/// number.
private final class CountersByStatus: Sendable {
    private let make: @Sendable (Int, _ isKnown: Bool) -> CounterHandle
    private let counters = Mutex<[Int: CounterHandle]>([:])

    init(known: [Int] = [], _ make: @escaping @Sendable (Int, _ isKnown: Bool) -> CounterHandle) {
        self.make = make
        for code in known { _ = counter(code, isKnown: true) }
    }

    func increment(_ code: Int) {
        counter(code).increment()
    }

    private func counter(_ code: Int, isKnown: Bool = false) -> CounterHandle {
        counters.withLock { counters in
            if let counter = counters[code] { return counter }
            let counter = make(code, isKnown)
            counters[code] = counter
            return counter
        }
    }
}

extension HTTPObserver {
    /// Counts and times the requests that a listener answers.
    static func metering(_ instruments: Instruments) -> HTTPObserver {
        HTTPObserver { route in
            let duration = instruments.histogram(.httpRequestDuration, [("route", route)])
            let methods: [(String, [Int])] = [
                ("GET", []), ("HEAD", []), ("POST", [202, 400, 401, 403, 413, 415, 503]), ("PUT", []), ("PATCH", []),
                ("DELETE", []), ("OPTIONS", []), ("other", []),
            ]
            var requests: [String: CountersByStatus] = [:]
            for (method, known) in methods {
                // The answers that a path can give exist at 0; others appear when they are given.
                requests[method] = CountersByStatus(known: route == "unmatched" ? [] : known) { status, isKnown in
                    instruments.counter(
                        .httpRequests, [("route", route), ("method", method), ("code", String(status))],
                        startsAtZero: !isKnown)
                }
            }
            return { [requests] exchange in
                requests[exchange.method]?.increment(exchange.status)
                duration.observe(exchange.duration.inSeconds)
            }
        }
    }
}

/// Counts and times the requests made to sinks, and knows of each whether it answers: it is up until a request to it
/// has failed, since no request is sent before there is an event.
final class SinkMeters: Sendable {
    private final class Sink: Sendable {
        let requests: LabelledCounters
        let duration: HistogramHandle
        private let up: GaugeHandle
        private let reconnects: CounterHandle
        private let isConnected = Mutex(true)

        init(_ target: String, _ instruments: Instruments) {
            // What the other side answers may be any number.
            requests = LabelledCounters(
                instruments, .httpClientRequests, [("target", target)], label: "code", known: ["200", "429", "500"])
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

    private let sinks: [String: Sink]

    init(_ targets: [String], _ instruments: Instruments) {
        sinks = Dictionary(uniqueKeysWithValues: targets.map { ($0, Sink($0, instruments)) })
    }

    func observe(_ observation: HTTPClient.Observation) {
        guard let sink = sinks[observation.target] else { return }
        sink.requests.increment(observation.code)
        sink.duration.observe(observation.duration.inSeconds)
        sink.answered(observation.status)
    }
}
