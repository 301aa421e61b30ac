import SluiceTesting
import Synchronization

@testable import Sluice

/// What happened in a scenario.
final class ScenarioDiary: Sendable {
    struct Attempt: Sendable {
        let route: Int
        let number: Int
        let at: Duration
    }

    /// Nothing may be sent to a destination in this time: it has said so.
    struct Window: Sendable {
        let destination: Int
        let from: Duration
        let to: Duration
    }

    struct State: Sendable {
        var attempts: [Attempt] = []
        /// By route, in their order.
        var taken: [[Int]]
        var poisoned: [[Int]]
        var windows: [Window] = []
    }

    let state: Mutex<State>

    init(routes: Int) {
        let none = [[Int]](repeating: [], count: routes)
        state = Mutex(State(taken: none, poisoned: none))
    }
}

extension RandomScenario {
    /// Plays it in virtual time.
    /// - Returns: what is wrong with what came of it; empty where nothing is.
    func problems() async -> [String] {
        do {
            // Far more than any of them needs: one that goes round in circles ends with an error.
            return try await VirtualExecutor(seed: seed, isShuffled: true, jobLimit: 3_000_000).execute { time in
                try await play(time)
            }
        } catch {
            return ["it does not end: \(error)"]
        }
    }

    private func play(_ time: RouterTime) async throws -> [String] {
        let diary = ScenarioDiary(routes: routes.count)
        let broker = try MemoryBroker(.init(persistent: true), time: time)
        let meters = Meters()
        let (retry, timeout) = (Live(retry), self.timeout.map { Live(Timeout($0)) })
        let delay = self.delay.map(Live.init)
        let destinations = try (0..<2).map { try Destination("d\($0)", destination, time: time) }
        var configuration = Router.Configuration()
        configuration.redelivery = .exponential(from: .milliseconds(100), upTo: .seconds(10))
        let router = Router.quick(meters: meters, configuration: configuration, time: time)
        for (index, route) in routes.enumerated() {
            let poison = PoisonRecorder(time) { number in diary.state.withLock { $0.poisoned[index].append(number) } }
            var middlewares: [any Middleware] = [PoisonQueue(to: poison, "poison", filter: .permanent)]
            if let delay { middlewares.append(delay) }
            middlewares.append(retry)
            if let timeout { middlewares.append(timeout) }
            try router.add(
                Route(
                    "r\(index)", from: broker.subscriber(group: "g\(index)"), "in", ordering: route.ordering,
                    destination: destinations[route.destination], middlewares: middlewares
                ) { message, _ in
                    try await attempt(message.number, by: index, at: route.destination, diary, time)
                })
        }
        try await router.whileRunning {
            async let change: Void = change(router, destinations, retry, timeout, delay, time)
            try await publish(to: broker, time)
            try await change
            let deadline = time.now.advanced(by: .seconds(200_000))
            while !isOver(diary), time.now < deadline { try await time.sleep(for: .seconds(5)) }
        }
        return problems(diary, destinations, meters)
    }

    private func isOver(_ diary: ScenarioDiary) -> Bool {
        diary.state.withLock { state in
            routes.indices.allSatisfy { state.taken[$0].count + state.poisoned[$0].count >= messages }
        }
    }

    private func publish(to broker: MemoryBroker, _ time: RouterTime) async throws {
        let publisher = broker.publisher(key: .metadata("key"))
        let step = span / messages
        for number in 0..<messages {
            try await publisher.publish([.numbered(number, key: "\(number % keys)")], to: "in")
            if step > .zero { try await time.sleep(for: step) }
        }
    }

    // MARK: The destinations

    private func attempt(
        _ number: Int, by route: Int, at destination: Int, _ diary: ScenarioDiary, _ time: RouterTime
    ) async throws {
        diary.state.withLock { $0.attempts.append(.init(route: route, number: number, at: time.now.offset)) }
        if latency > .zero { try await time.sleep(for: latency) }
        if poison.contains(number) {
            throw HandlerError("no", reason: "refused", disposition: .poison("refused"))
        }
        let now = time.now.offset
        let trouble =
            now < Self.end ? troubles.first { $0.destination == destination && $0.from <= now && now < $0.to } : nil
        switch trouble?.kind {
        case .fails: throw Broken()
        case .throttled: throw HandlerError("later", reason: "http_429", disposition: .throttled())
        case .throttledWithTime: throw named(destination, .throttled(after: .seconds(30)), diary, time)
        case .retryWithTime: throw named(destination, .retry(after: .seconds(30)), diary, time)
        case .held: throw HandlerError("no", reason: "http_401", disposition: .hold("http_401", for: .seconds(20)))
        case .slow: try await time.sleep(for: .seconds(3))
        case .hangs: try await time.sleep(for: .seconds(500))
        case nil: break
        }
        diary.state.withLock { $0.taken[route].append(number) }
    }

    private func named(
        _ destination: Int, _ disposition: Disposition, _ diary: ScenarioDiary, _ time: RouterTime
    ) -> HandlerError {
        let now = time.now.offset
        let length = min(Duration.seconds(30), self.destination.retryAfter.maximum)
        diary.state.withLock { $0.windows.append(.init(destination: destination, from: now, to: now + length)) }
        return HandlerError("later", reason: "http_503", disposition: disposition)
    }

    // MARK: What people change

    private func change(
        _ router: Router, _ destinations: [Destination], _ retry: Live<Retry>, _ timeout: Live<Timeout>?,
        _ delay: Live<DelayOnError>?, _ time: RouterTime
    ) async throws {
        for change in changes {
            try await time.sleep(until: MonotonicTime(nanoseconds: change.at.wholeNanoseconds))
            var dice = Dice(UInt64(change.draw * 1e15))
            let destination = dice.pick(destinations)
            switch change.kind {
            case .pause:
                let name = "r\(dice.int(0...routes.count - 1))"
                try router.pause(name)
                try await time.sleep(for: .seconds(dice.int(1...60)))
                try router.resume(name)
            case .breaker: try destination.update { $0.breaker = Self.breaker(&dice) }
            case .noBreaker: try destination.update { $0.breaker = nil }
            case .budget: try destination.update { $0.budget = Self.budget(&dice) }
            case .noBudget: try destination.update { $0.budget = nil }
            case .throttle: try destination.update { $0.throttle = Self.throttle(&dice) }
            case .noThrottle: try destination.update { $0.throttle = nil }
            case .concurrency: try destination.update { $0.concurrency = Self.concurrency(&dice) }
            case .noConcurrency: try destination.update { $0.concurrency = nil }
            case .retry: try retry.update(Self.retry(&dice))
            case .delay: try delay?.update(Self.delay(&dice))
            case .timeout: try timeout?.update { $0.deadline = .seconds(dice.int(1...20)) }
            }
        }
    }

    // MARK: What has to be so

    private func problems(_ diary: ScenarioDiary, _ destinations: [Destination], _ meters: Meters) -> [String] {
        let state = diary.state.withLock(\.self)
        var problems: [String] = []
        for (index, route) in routes.enumerated() {
            let (taken, poisoned) = (state.taken[index], state.poisoned[index])
            let name = "r\(index)"
            if Set(taken).count != taken.count { problems.append("\(name) delivers twice: \(Self.doubles(taken))") }
            let lost = Set(0..<messages).subtracting(taken).subtracting(poisoned)
            if !lost.isEmpty { problems.append("\(name) loses \(lost.sorted())") }
            if Set(poisoned) != poison || poisoned.count != poison.count {
                problems.append("\(name) poisons \(poisoned.sorted()), and not \(poison.sorted())")
            }
            for group in groups(of: route.ordering) {
                let order = taken.filter(group.contains)
                if order != order.sorted() { problems.append("\(name) has the order \(order)") }
            }
        }
        for window in state.windows {
            let early = state.attempts.first {
                routes[$0.route].destination == window.destination && $0.at > window.from && $0.at < window.to
            }
            if let early, changes.isEmpty {
                problems.append(
                    "r\(early.route) attempts \(early.number) at \(early.at), and d\(window.destination) wanted nothing from \(window.from) to \(window.to)"
                )
            }
        }
        for destination in destinations {
            let (status, slots) = (destination.status, destination.slots.read())
            if status.waiting != 0 || status.waitingForBudget != 0 {
                problems.append("\(destination.name) has \(status.waiting) that wait")
            }
            if slots.inUse != 0 || slots.waiting != 0 {
                problems.append("\(destination.name) has \(slots.inUse) slots in use")
            }
            if destination.throttle.waiting != 0 { problems.append("\(destination.name) has a line for permits") }
        }
        for index in routes.indices {
            for name in ["sluice_unaccounted_messages", "sluice_deliveries_in_flight"] {
                let value = meters.value(name, ["handler_name": "r\(index)"]) ?? 0
                if value != 0 { problems.append("\(name) of r\(index) is \(value)") }
            }
        }
        return problems
    }

    /// The messages that have to keep their order.
    private func groups(of ordering: Ordering) -> [Set<Int>] {
        switch ordering.kind {
        case .serial: [Set(0..<messages)]
        case .perKey: (0..<keys).map { key in Set((0..<messages).filter { $0 % keys == key }) }
        case .unordered: []
        }
    }

    private static func doubles(_ numbers: [Int]) -> [Int] {
        Dictionary(grouping: numbers) { $0 }.filter { $0.value.count > 1 }.keys.sorted()
    }
}

/// Takes poison messages down.
private final class PoisonRecorder: Publisher {
    let name = "poison"
    let time: RouterTime?
    private let note: @Sendable (Int) -> Void

    init(_ time: RouterTime, _ note: @escaping @Sendable (Int) -> Void) {
        self.time = time
        self.note = note
    }

    func publish(_ messages: [Message], to topic: Topic) async throws {
        for message in messages { note(message.number) }
    }

    func close() async {}
}
