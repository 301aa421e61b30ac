import Sluice
import SluiceHTTP
import Synchronization

/// Counters of one metric by a number that comes with each event, such as a status: made at first sight, found again
/// by that number.
private final class CountersByCode<Code: Hashable & Sendable>: Sendable {
    private let make: @Sendable (Code, _ isKnown: Bool) -> LateCounter
    private let counters = Mutex<[Code: LateCounter]>([:])

    init(known: [Code] = [], _ make: @escaping @Sendable (Code, _ isKnown: Bool) -> LateCounter) {
        self.make = make
        for code in known { _ = counter(code, isKnown: true) }
    }

    func increment(_ code: Code) {
        counter(code).increment()
    }

    private func counter(_ code: Code, isKnown: Bool = false) -> LateCounter {
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
                ("GET", []), ("HEAD", []), ("POST", [202, 400, 401, 413, 415, 503]), ("PUT", []), ("PATCH", []),
                ("DELETE", []), ("OPTIONS", []), ("other", []),
            ]
            var requests: [String: CountersByCode<Int>] = [:]
            for (method, known) in methods {
                // The answers that a path can give exist at 0; others appear when they are given.
                requests[method] = CountersByCode(known: route == "unmatched" ? [] : known) { status, isKnown in
                    LateCounter(
                        instruments, .httpRequests, [("route", route), ("method", method), ("code", String(status))],
                        isKnown: isKnown)
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
/// has failed, since nobody asks it before there is an event.
final class SinkMeters: Sendable {
    private final class Sink: Sendable {
        let requests: CountersByCode<String>
        let duration: Sluice.HistogramHandle
        private let up: Sluice.GaugeHandle
        private let reconnects: Sluice.CounterHandle
        private let isConnected = Mutex(true)

        init(_ target: String, _ instruments: Instruments) {
            requests = CountersByCode(known: ["200", "429", "500"]) { code, isKnown in
                LateCounter(
                    instruments, .httpClientRequests, [("target", target), ("code", code)], isKnown: isKnown)
            }
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
