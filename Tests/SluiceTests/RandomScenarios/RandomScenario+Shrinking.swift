import SluiceTesting

@testable import Sluice

extension RandomScenario {
    /// A smaller one that fails as well, as far as it can be found by leaving things out.
    /// - Parameter isFaulty: whether it fails. Must not depend on anything but the scenario.
    func shrunk(_ isFaulty: (RandomScenario) async -> Bool) async -> RandomScenario {
        var smallest = self
        var isSmaller = true
        while isSmaller {
            isSmaller = false
            for candidate in smallest.smaller where await isFaulty(candidate) {
                smallest = candidate
                isSmaller = true
                break
            }
        }
        return smallest
    }

    /// Each with one thing less, those that leave out most first.
    private var smaller: [RandomScenario] {
        var all: [RandomScenario] = []
        func add(_ isSmaller: Bool, _ change: (inout RandomScenario) -> Void) {
            guard isSmaller else { return }
            var candidate = self
            change(&candidate)
            candidate.poison = candidate.poison.filter { $0 < candidate.messages }
            all.append(candidate)
        }
        for count in [1, 2, messages / 2, messages - 1] where count >= 1 {
            add(count < messages) { $0.messages = count }
        }
        for index in routes.indices { add(routes.count > 1) { $0.routes.remove(at: index) } }
        for index in routes.indices { add(!routes[index].ordering.isSerial) { $0.routes[index].ordering = .serial } }
        for index in routes.indices { add(routes[index].destination > 0) { $0.routes[index].destination = 0 } }
        add(changes.count > 1) { $0.changes = [] }
        for index in changes.indices { add(true) { $0.changes.remove(at: index) } }
        add(troubles.count > 1) { $0.troubles = [] }
        for index in troubles.indices { add(true) { $0.troubles.remove(at: index) } }
        add(!poison.isEmpty) { $0.poison = [] }
        add(destination.breaker != nil) { $0.destination.breaker = nil }
        add(destination.budget != nil) { $0.destination.budget = nil }
        add(destination.throttle != nil) { $0.destination.throttle = nil }
        add(destination.concurrency != nil) { $0.destination.concurrency = nil }
        add(timeout != nil) { $0.timeout = nil }
        add(delay != nil) { $0.delay = nil }
        add(latency > .zero) { $0.latency = .zero }
        add(span > .zero) { $0.span = .zero }
        add(keys > 1) { $0.keys = 1 }
        add(retry.schedule != nil) { $0.retry.schedule = nil }
        add(retry.maxElapsed != nil) { $0.retry.maxElapsed = nil }
        add(retry.handBackAfter != nil) { $0.retry.handBackAfter = nil }
        return all
    }
}

extension RandomScenario: CustomStringConvertible {
    var description: String {
        let routes = routes.map { "\($0.ordering.words) to d\($0.destination)" }.joined(separator: ", ")
        let troubles = troubles.map { "d\($0.destination) \($0.kind) from \($0.from) to \($0.to)" }
        let changes = changes.map { "\($0.kind) at \($0.at) (\($0.draw))" }
        return """
            seed \(seed): \(messages) messages of \(keys) keys in \(span), poison \(poison.sorted())
            routes: \(routes)
            retry: \(retry)
            timeout: \(timeout.map { "\($0)" } ?? "none"); latency: \(latency); delay: \(delay.map { "\($0.backoff)" } ?? "none")
            destination: \(destination)
            troubles: \(troubles)
            changes: \(changes)
            """
    }
}

extension Ordering {
    fileprivate var isSerial: Bool { if case .serial = kind { true } else { false } }

    fileprivate var words: String {
        switch kind {
        case .serial: "serial"
        case .perKey: "per key, \(concurrency) lanes"
        case .unordered: "unordered, \(concurrency) at once"
        }
    }
}
