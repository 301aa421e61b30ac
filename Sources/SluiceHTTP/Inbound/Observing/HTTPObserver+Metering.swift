public import Sluice
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
    /// Counts and times the requests that a listener answers, by route, method and status.
    public static func metering(_ instruments: Instruments) -> HTTPObserver {
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
                duration.observe(exchange.duration.inSeconds, traceID: exchange.traceID)
            }
        }
    }
}

extension Metric {
    package static let httpRequests = counter(
        "sluice_http_requests_total",
        labels: [.route, Label("method", "the method, or `other`"), .code],
        help: "Requests answered.")
    package static let httpRequestDuration = histogram(
        "sluice_http_request_duration_seconds",
        labels: [.route],
        buckets: Buckets.publish,
        help: "Time from a request's head to its answer.")
}
