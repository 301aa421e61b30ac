import Logging
import Sluice
import SluiceKafka
import Synchronization

/// Keeps in a topic of Kafka's which sinks are paused, and which groups are being moved. Every gateway of the group reads it
/// from its beginning and obeys it.
///
/// The topic is compacted: of each sink its last record stays. That a sink goes on is a record too, and no tombstone, so
/// that the newest record is never taken away and the topic's end can be waited for.
final class KafkaSteering: SteeringStore {
    /// The metadata whose value is the record's key: the group of gateways and the sink.
    private static let keyName = "control_key"
    /// How long the brokers may take for one record.
    private static let publishTimeout: Duration = .seconds(8)
    /// How long until it looks again whether the topic exists.
    private static let missingInterval: Duration = .seconds(10)
    /// After so long without a record, what was there is read, though the last of it may be gone.
    private static let silence: Duration = .seconds(30)

    private let configuration: GatewayConfiguration.Kafka
    private let plan: KafkaTopicPlan
    private let logger: Logger
    private let state = Mutex(State())

    private struct State {
        /// Nil until it is known.
        var paused: [String: SinkPause]?
        /// Is told of the moves of groups.
        var onMoves: (@Sendable ([GroupMove]) -> Void)?
        var problem: String?
        var drift: String?
    }

    init(_ configuration: GatewayConfiguration.Kafka, logger: Logger) {
        self.configuration = configuration
        plan = configuration.controlPlan
        self.logger = logger
    }

    var problems: [String] { state.withLock { [$0.problem, $0.drift].compactMap(\.self) } }

    // MARK: Keeping

    func set(_ pause: SinkPause?, of sink: String) async throws {
        guard state.withLock(\.paused) != nil else {
            throw ControlFailure(.failed, problems.first ?? "the topic \(plan.topic) has not been read yet")
        }
        do {
            try await publish([(sink, SinkPause.encode(pause))])
        } catch {
            throw ControlFailure(.cannotWrite, "Kafka has not taken it: \(error)")
        }
    }

    /// Keeps how far the move of a group is, as ``set(_:of:)`` keeps a pause.
    func set(_ move: GroupMove) async throws {
        guard state.withLock(\.paused) != nil else {
            throw ControlFailure(.failed, problems.first ?? "the topic \(plan.topic) has not been read yet")
        }
        do {
            try await publish([(Self.movePrefix + move.route, move.encode())])
        } catch {
            throw ControlFailure(.cannotWrite, "Kafka has not taken it: \(error)")
        }
    }

    /// - Parameter tell: is told the newest move of each route, at every change.
    func onMoves(_ tell: @escaping @Sendable ([GroupMove]) -> Void) {
        state.withLock { $0.onMoves = tell }
    }

    private func publish(_ records: [(key: String, payload: [UInt8])]) async throws {
        var options = KafkaPublisher.Configuration()
        options.deliveryTimeout = Self.publishTimeout
        options.createsMissingTopics = false
        let publisher = try KafkaPublisher(
            configuration.client, key: .metadata(Self.keyName), configuration: options, logger: logger)
        let messages = records.map { key, payload in
            Message(metadata: [Self.keyName: prefix + key], payload: payload)
        }
        do {
            try await publisher.publish(messages, to: plan.topic)
        } catch {
            await publisher.close()
            throw error
        }
        await publisher.close()
    }

    private var prefix: String { configuration.group + "/" }
    /// Behind the prefix, what tells a route from a sink: no name of a sink has a space.
    private static let movePrefix = "move "

    // MARK: Following

    func follow(_ tell: @escaping @Sendable ([String: SinkPause]) -> Void) async {
        let backoff = Backoff.exponential(upTo: .seconds(10))
        var attempt = 0
        while !Task.isCancelled {
            var pause = Self.missingInterval
            do {
                let newest = try await prepare()
                try await read(after: newest, tell)
                attempt = 0
            } catch let error as MissingTopicError {
                note(problem: "no sink can be paused: \(error)")
                // What is not there pauses nothing. What was known stays.
                if state.withLock({ $0.paused == nil }) { become([:], tell) }
            } catch {
                note(problem: "the topic \(plan.topic) cannot be read: \(error)")
                attempt += 1
                pause = backoff.delay(beforeRetry: attempt, by: .real)
            }
            try? await Task.sleep(for: pause)
        }
    }

    private func become(
        _ paused: [String: SinkPause], _ tell: @Sendable ([String: SinkPause]) -> Void
    ) {
        state.withLock { $0.paused = paused }
        tell(paused)
    }

    private func note(problem: String?) {
        let isNew = state.withLock { state in
            defer { state.problem = problem }
            return state.problem == nil
        }
        if let problem, isNew, !Task.isCancelled {
            logger.warning("control through Kafka fails", metadata: ["reason": "\(problem)"])
        }
    }

    /// Makes the topic where it is missing.
    /// - Returns: the offset of the newest record of each partition that has one. We make one partition; a person who makes the
    ///   topic himself may make more.
    /// - Throws: ``MissingTopicError`` where it is missing and cannot be made.
    private func prepare() async throws -> [Int32: Int64] {
        let topics = try KafkaTopics(configuration.client, timeout: .seconds(5), logger: logger)
        let outcome: Result<[Int32: Int64], any Error>
        do {
            outcome = .success(try await prepare(topics))
        } catch {
            outcome = .failure(error)
        }
        await topics.close()
        return try outcome.get()
    }

    private func prepare(_ topics: KafkaTopics) async throws -> [Int32: Int64] {
        let found = try await topics.describe(plan.topic)
        if found == nil { try await make(topics) }
        let policy = found?.drift(from: plan).first { $0.name == "cleanup.policy" }
        state.withLock { state in
            state.drift = policy.map {
                "the topic \(plan.topic) has cleanup.policy=\($0.found), and \($0.stated) is stated: which sinks are paused is "
                    + "forgotten with its oldest records"
            }
        }
        let positions = try await topics.positions(of: plan.topic, group: "\(configuration.group)-control")
        return positions.filter { $1.end > $1.first }.mapValues { $0.end - 1 }
    }

    private func make(_ topics: KafkaTopics) async throws {
        if let left = configuration.leftTopics { throw MissingTopicError(plan, reason: "\(left) leaves it to you") }
        do {
            try await topics.create(plan)
        } catch {
            if Disposition(of: error) == .retry() { throw error }
            throw MissingTopicError(
                plan, reason: "it cannot be created: \((error as? KafkaError)?.detail ?? "\(error)")")
        }
        // The topic was deleted: what was paused stays so.
        let known = state.withLock(\.paused) ?? [:]
        if !known.isEmpty { try await publish(known.map { ($0, SinkPause.encode($1)) }) }
    }

    /// Reads for as long as the subscription lasts.
    /// - Parameter newest: what to read before telling anything.
    private func read(
        after newest: [Int32: Int64], _ tell: @Sendable ([String: SinkPause]) -> Void
    ) async throws {
        var options = KafkaSubscriber.Configuration()
        options.createsMissingTopics = false
        options.prefetchMessages = 100
        options.prefetchKilobytes = 1_024
        let subscriber = try KafkaSubscriber(configuration.client, group: nil, configuration: options, logger: logger)
        do {
            let subscription = try await subscriber.subscribe(to: plan.topic)
            var paused: [String: SinkPause] = [:]
            var moves: [String: GroupMove] = [:]
            var unread = newest
            var isWhole = unread.isEmpty
            if isWhole { become(paused, tell) }
            while true {
                let batch = isWhole ? try await subscription.next() : try await next(subscription)
                guard let batch else { break }
                for delivery in batch {
                    delivery.acknowledge()
                    take(delivery, into: &paused, &moves)
                    guard let partition = delivery.origin.partition, let end = unread[partition] else { continue }
                    if delivery.origin.offset ?? 0 >= end { unread[partition] = nil }
                }
                isWhole = isWhole || unread.isEmpty
                if batch.isEmpty, subscriber.connectionState.isConnected { isWhole = true }
                guard isWhole else { continue }
                note(problem: nil)
                become(paused, tell)
                state.withLock(\.onMoves)?(moves.valuesInOrder)
            }
        } catch {
            await subscriber.close()
            throw error
        }
        await subscriber.close()
    }

    private func take(
        _ delivery: Delivery, into paused: inout [String: SinkPause], _ moves: inout [String: GroupMove]
    ) {
        guard let key = delivery.origin.key.map({ String(decoding: $0, as: UTF8.self) }), key.hasPrefix(prefix) else {
            return
        }
        let sink = String(key.dropFirst(prefix.count))
        if sink.hasPrefix(Self.movePrefix) {
            let route = String(sink.dropFirst(Self.movePrefix.count))
            moves[route] = GroupMove.decode(delivery.message.payload, route: route)
            return
        }
        // A tombstone is not ours, and means what it means.
        paused[sink] = delivery.message.payload.isEmpty ? nil : SinkPause.decode(delivery.message.payload)
    }

    /// - Returns: nothing when nothing has come for long; nil at the end.
    private func next(_ subscription: Subscription) async throws -> [Delivery]? {
        try await withThrowingTaskGroup(of: [Delivery]?.self) { group in
            group.addTask { try await subscription.next() }
            group.addTask {
                try await Task.sleep(for: Self.silence)
                return []
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
    }
}

extension GatewayConfiguration.Kafka {
    /// The topic that keeps what steers the gateways: few records, of which the newest of each key stays for ever.
    var controlPlan: KafkaTopicPlan {
        var plan = KafkaTopicPlan(
            Topic("\(topic)-control"), partitions: 1, replication: replication, retention: nil)
        plan.settings = [.init("cleanup.policy", "compact")]
        return plan
    }
}
