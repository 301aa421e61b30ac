import Sluice
import SluiceHTTP
import Synchronization

/// Counters of one metric by a number that comes with each event, such as a status: made at first sight, found again
/// by that number.
private final class CountersByCode<Code: Hashable & Sendable>: Sendable {
    private let make: @Sendable (Code) -> Sluice.CounterHandle
    private let counters = Mutex<[Code: Sluice.CounterHandle]>([:])

    init(known: [Code] = [], _ make: @escaping @Sendable (Code) -> Sluice.CounterHandle) {
        self.make = make
        for code in known { _ = counter(code) }
    }

    func increment(_ code: Code) {
        counter(code).increment()
    }

    private func counter(_ code: Code) -> Sluice.CounterHandle {
        counters.withLock { counters in
            if let counter = counters[code] { return counter }
            let counter = make(code)
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
                // The answers that a webhook's path can give exist at 0; others appear when they are given.
                let isWebhook = route.hasPrefix("/webhooks/")
                requests[method] = CountersByCode(known: isWebhook ? known : []) { status in
                    instruments.counter(
                        .httpRequests, [("route", route), ("method", method), ("code", String(status))])
                }
            }
            return { [requests] exchange in
                requests[exchange.method]?.increment(exchange.status)
                duration.observe(exchange.duration.inSeconds)
            }
        }
    }
}

/// Counts and times the requests made to sinks, and knows of each whether it answers.
final class SinkMeters: Sendable {
    private struct Sink: Sendable {
        let requests: CountersByCode<String>
        let duration: Sluice.HistogramHandle
        let up: Sluice.GaugeHandle
    }

    private let sinks: [String: Sink]

    init(_ targets: [String], _ instruments: Instruments) {
        sinks = Dictionary(
            uniqueKeysWithValues: targets.map { target in
                let sink = Sink(
                    requests: CountersByCode(known: ["200", "429", "500"]) { code in
                        instruments.counter(.httpClientRequests, [("target", target), ("code", code)])
                    },
                    duration: instruments.histogram(.httpClientRequestDuration, [("target", target)]),
                    up: instruments.gauge(.connectionUp, [("component", target)]))
                return (target, sink)
            })
    }

    func observe(_ observation: HTTPClient.Observation) {
        guard let sink = sinks[observation.target] else { return }
        sink.requests.increment(observation.code)
        sink.duration.observe(observation.duration.inSeconds)
        sink.up.set(observation.status.map { $0 < 500 ? 1 : 0 } ?? 0)
    }
}
