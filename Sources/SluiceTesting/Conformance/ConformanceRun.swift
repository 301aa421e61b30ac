import Sluice
import Synchronization

/// One run of one case: makes what the case needs, notes what it is doing, and closes everything at its end.
final class ConformanceRun: Sendable {
    let harness: PubSubHarness
    private let state = Mutex(State())
    private let suffix = String(UInt32.random(in: .min ... .max), radix: 36)

    private struct State {
        var step = "starting"
        var publishers: [any Publisher] = []
        var subscribers: [any Subscriber] = []
    }

    init(_ harness: PubSubHarness) {
        self.harness = harness
    }

    var features: PubSubFeatures { harness.features }
    var patience: Duration { harness.patience }
    var time: RouterTime { harness.time }

    /// What the case is doing, for the failure of one that hangs.
    var step: String { state.withLock(\.step) }

    func step(_ words: String) {
        state.withLock { $0.step = words }
    }

    /// `count` at the harness's load, at least `minimum`.
    func scaled(_ count: Int, atLeast minimum: Int = 4) -> Int {
        max(minimum, Int((Double(count) * harness.load).rounded()))
    }

    /// The name of a consumer group of this run, or nil where there are none.
    func group(_ name: String = "a") -> String? {
        features.consumerGroups ? "conformance-\(suffix)-\(name)" : nil
    }

    func publisher() async throws -> any Publisher {
        let publisher = try await harness.makePublisher()
        state.withLock { $0.publishers.append(publisher) }
        return publisher
    }

    func subscriber(
        group name: String = "a", maxInFlight: Int? = nil, capacity: Int? = nil
    ) async throws -> any Subscriber {
        let options = PubSubHarness.SubscriberOptions(group: group(name), maxInFlight: maxInFlight, capacity: capacity)
        let subscriber = try await harness.makeSubscriber(options)
        state.withLock { $0.subscribers.append(subscriber) }
        return subscriber
    }

    /// A subscription of a subscriber of its own.
    func inbox(
        _ topic: Topic, group name: String = "a", maxInFlight: Int? = nil, capacity: Int? = nil
    ) async throws -> Inbox {
        let subscriber = try await subscriber(group: name, maxInFlight: maxInFlight, capacity: capacity)
        return Inbox(try await subscriber.subscribe(to: topic), subscriber: subscriber, topic: topic, run: self)
    }

    func inbox(_ topic: Topic, of subscriber: any Subscriber) async throws -> Inbox {
        Inbox(try await subscriber.subscribe(to: topic), subscriber: subscriber, topic: topic, run: self)
    }

    /// `count` messages that are told apart by id, payload and metadata.
    func messages(_ count: Int, key: String? = nil) -> [Message] {
        (0..<count).map { number in
            var message = Message(
                metadata: ["number": "\(number)"], payload: Array("conformance \(key ?? "") \(number)".utf8))
            if let key { message.metadata[PubSubHarness.keyName] = key }
            return message
        }
    }

    /// Publishes with a new publisher, which is closed at the end of the case, in one call.
    func publish(_ messages: [Message], to topic: Topic) async throws {
        step("publishing \(messages.count) messages")
        let publisher = try await publisher()
        try await within { try await publisher.publish(messages, to: topic) }
    }

    /// Publishes `count` new messages in one call.
    func publish(_ count: Int, to topic: Topic, key: String? = nil) async throws -> [Message] {
        let messages = messages(count, key: key)
        try await publish(messages, to: topic)
        return messages
    }

    /// Fails unless `body` ends within the harness's patience.
    @discardableResult
    func within<Value: Sendable>(
        file: StaticString = #fileID, line: UInt = #line, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        guard case .met(let value) = try await withDeadline(patience, in: time, body) else {
            throw ConformanceFailure(
                expected: "to be done within \(patience)", actual: "it was still \(step)", file: file, line: line)
        }
        return value
    }

    func expect(
        _ condition: Bool, _ expected: @autoclosure () -> String, but actual: @autoclosure () -> String,
        file: StaticString = #fileID, line: UInt = #line
    ) throws {
        if !condition { throw ConformanceFailure(expected: expected(), actual: actual(), file: file, line: line) }
    }

    /// Waits until `condition` holds.
    func wait(
        for expected: String, within limit: Duration? = nil, but actual: () -> String = { "it did not come to pass" },
        file: StaticString = #fileID, line: UInt = #line, until condition: () -> Bool
    ) async throws {
        step("waiting for \(expected)")
        let limit = limit ?? patience
        guard try await holds(within: limit, in: time, condition) else {
            throw ConformanceFailure(
                expected: "\(expected) within \(limit)", actual: actual(), file: file, line: line)
        }
    }

    /// Closes what the case made, publishers last.
    func close() async {
        let (subscribers, publishers) = state.withLock { state in
            defer {
                state.subscribers = []
                state.publishers = []
            }
            return (state.subscribers, state.publishers)
        }
        step("closing its subscribers and publishers")
        // At once: a member of a group may have to wait for the others before it can leave.
        await withDiscardingTaskGroup { group in
            for subscriber in subscribers { group.addTask { await subscriber.close() } }
        }
        await withDiscardingTaskGroup { group in
            for publisher in publishers { group.addTask { await publisher.close() } }
        }
    }
}

/// Asks `condition` until it holds: at first each millisecond, and the more seldom the longer it takes.
/// - Returns: false when it did not within `limit`.
func holds(
    within limit: Duration, in time: RouterTime, _ condition: () async throws -> Bool
) async throws -> Bool {
    let end = time.now.advanced(by: limit)
    let start = ContinuousClock.now
    while true {
        let asked = ContinuousClock.now
        if try await condition() { return true }
        if time.now >= end { return false }
        // What is dear, such as a scrape, is asked seldom too: asking takes the processor from what is waited for.
        let answered = ContinuousClock.now
        let dear = min((answered - asked) * 4, .seconds(1))
        let pause = time.isVirtual ? .zero : max(dear, min((answered - start) / 20, .milliseconds(100)))
        try await time.sleep(for: max(.milliseconds(1), pause))
    }
}
