import Logging
import Sluice
import SluiceKafka
import Synchronization

/// Sees to it that the queue's topics are there as they are stated: it makes those that are missing, at the start and when
/// one was deleted, and never alters one that exists. Where one is not what is stated, it says so.
final class TopicKeeper: Sendable {
    /// How often to look whether the topics are there, which costs one small request each.
    private static let lookInterval: Duration = .seconds(5)
    /// How often to ask for their settings.
    private static let settingsInterval: Duration = .seconds(600)

    private let topics: KafkaTopics
    private let plans: [KafkaTopicPlan]
    /// Topics that the queue can do without: one that is missing holds nothing up.
    private let besides: [KafkaTopicPlan]
    private let left: String?
    private let instruments: Instruments
    private let logger: Logger
    private let state = Mutex(State())

    private struct State {
        /// Why the topics are not there yet; nil once they are.
        var missing: String? = "the topics have not been looked for yet"
        /// Whether the topics have been there once, and all that needs them was done.
        var isPrepared = false
        var drift: [Topic: [KafkaTopicDescription.Drift]] = [:]
        /// Why those that the queue can do without cannot be used.
        var absent: [Topic: String] = [:]
        /// Series that were shown, and go back to 0.
        var gauges: [String: GaugeHandle] = [:]

        /// - Returns: what is new of it.
        mutating func note(
            _ found: [KafkaTopicDescription.Drift], of plan: KafkaTopicPlan, isWhole: Bool, _ instruments: Instruments
        ) -> [KafkaTopicDescription.Drift] {
            let before = drift[plan.topic] ?? []
            var now = found
            if !isWhole { now += before.filter { !Self.layout.contains($0.name) } }
            drift[plan.topic] = now
            for name in plan.settings.map(\.name) + Self.layout {
                let gauge = gauge(of: plan.topic, name, instruments)
                gauge.set(now.contains { $0.name == name } ? 1 : 0)
            }
            return now.filter { !before.contains($0) }
        }

        /// What the topic's metadata tell, without its settings.
        private static let layout = ["partitions", "replication"]

        private mutating func gauge(of topic: Topic, _ setting: String, _ instruments: Instruments) -> GaugeHandle {
            let key = "\(topic) \(setting)"
            if let known = gauges[key] { return known }
            let made = instruments.gauge(.kafkaTopicDrift, [("topic", topic.name), ("setting", setting)])
            gauges[key] = made
            return made
        }
    }

    /// - Parameters:
    ///   - topics: its own: a question that brokers do not answer holds up the next.
    ///   - besides: topics that are made and looked after in the same way, and that the queue can do without.
    ///   - left: the setting that has missing topics waited for, not made; nil where they are made.
    init(
        _ topics: KafkaTopics, _ plans: [KafkaTopicPlan], besides: [KafkaTopicPlan] = [], left: String?,
        _ instruments: Instruments, logger: Logger
    ) {
        self.topics = topics
        self.plans = plans
        self.besides = besides
        self.left = left
        self.instruments = instruments
        self.logger = logger
        for plan in besides { state.withLock { $0.absent[plan.topic] = "it has not been looked for yet" } }
    }

    /// Why the topics cannot be used; nil where they can.
    var problem: String? { state.withLock(\.missing) }

    /// Why a topic cannot be used that the queue can do without; nil where it can.
    func absence(of topic: Topic) -> String? { state.withLock { $0.absent[topic] } }

    /// How the topics differ from what is stated.
    var notes: [String] {
        let drift = state.withLock(\.drift)
        return (plans + besides).flatMap { plan in
            (drift[plan.topic] ?? []).map { drift in
                "kafka: the topic \(plan.topic) has \(drift.name)=\(drift.found), and \(drift.stated) is stated; "
                    + "topics that exist are left as they are"
            }
        }
    }

    /// Returns when the topics are there. Waits for brokers, and for who has to make them, as long as it takes.
    /// - Parameter finish: what else has to be done before the queue can be used, once the topics are there; it is done again
    ///   where it fails.
    /// - Throws: `CancellationError`.
    func prepare(finish: @Sendable () async throws -> Void = {}) async throws {
        let backoff = Backoff.exponential(upTo: .seconds(5))
        var told: Set<String> = []
        for attempt in 1... {
            do {
                // Settings can be told of later; webhooks do not wait for them.
                try await ensure(settings: false)
                try await ensureBesides(settings: false)
                try await finish()
                state.withLock { state in
                    state.missing = nil
                    state.isPrepared = true
                }
                if !told.isEmpty { logger.notice("kafka can be used") }
                return
            } catch {
                try Task.checkCancellation()
                state.withLock { $0.missing = "\(error)" }
                // Each kind of failure once: texts may alternate for as long as it lasts.
                if told.insert(Disposition.reason(of: error)).inserted {
                    logger.warning("kafka cannot be used yet", metadata: ["error": "\(error)"])
                }
                try await Task.sleep(for: backoff.delay(beforeRetry: attempt, by: .real))
            }
        }
    }

    /// Looks after the topics until the task is cancelled.
    func keep() async {
        var settingsDue = MonotonicTime.now()
        while !Task.isCancelled {
            let asksSettings = MonotonicTime.now() >= settingsDue
            if asksSettings { settingsDue = MonotonicTime.now().advanced(by: Self.settingsInterval) }
            do {
                try await ensure(settings: asksSettings)
                try await ensureBesides(settings: asksSettings)
                let isOver = state.withLock { state in
                    guard state.isPrepared, state.missing != nil else { return false }
                    state.missing = nil
                    return true
                }
                if isOver { logger.notice("the topics of the queue are there again") }
            } catch let error as MissingTopicError {
                let isNew = state.withLock { state in
                    defer { if state.isPrepared { state.missing = "\(error)" } }
                    return state.isPrepared && state.missing == nil
                }
                if isNew { logger.error("a topic of the queue is gone", metadata: ["error": "\(error)"]) }
            } catch {
                // Of brokers that do not answer their clients tell.
                logger.debug("the topics cannot be looked for", metadata: ["error": "\(error)"])
            }
            try? await Task.sleep(for: Self.lookInterval)
        }
    }

    func close() async {
        await topics.close()
    }

    private func ensure(settings: Bool) async throws {
        for plan in plans { try await ensure(plan, settings: settings) }
    }

    private func ensure(_ plan: KafkaTopicPlan, settings: Bool) async throws {
        guard let found = try await topics.describe(plan.topic, settings: settings) else { return try await make(plan) }
        note(found.drift(from: plan), of: plan, isWhole: found.settings != nil)
    }

    /// What only a person can mend is noted; what may pass is thrown, since it is the cluster's.
    private func ensureBesides(settings: Bool) async throws {
        for plan in besides {
            do {
                try await ensure(plan, settings: settings)
                state.withLock { _ = $0.absent.removeValue(forKey: plan.topic) }
            } catch let error where Disposition(of: error) != .retry() {
                let isNew = state.withLock { $0.absent.updateValue("\(error)", forKey: plan.topic) != "\(error)" }
                if isNew {
                    logger.warning(
                        "a topic that the queue can do without cannot be used",
                        metadata: ["topic": "\(plan.topic)", "error": "\(error)"])
                }
            }
        }
    }

    private func make(_ plan: KafkaTopicPlan) async throws {
        if let left { throw MissingTopicError(plan, reason: "\(left) leaves it to you") }
        if problem == nil {
            logger.warning("a topic of the queue was deleted; it is made again", metadata: ["topic": "\(plan.topic)"])
        }
        do {
            try await topics.create(plan)
        } catch {
            if Disposition(of: error) == .retry() { throw error }
            throw MissingTopicError(
                plan, reason: "it cannot be created: \((error as? KafkaError)?.detail ?? "\(error)")")
        }
        note([], of: plan, isWhole: true)
    }

    /// - Parameter isWhole: whether the settings were asked for; otherwise what was known of them stays.
    private func note(_ drift: [KafkaTopicDescription.Drift], of plan: KafkaTopicPlan, isWhole: Bool) {
        let news = state.withLock { $0.note(drift, of: plan, isWhole: isWhole, instruments) }
        for drift in news {
            logger.warning(
                "a topic exists with another setting than is stated, and is left as it is",
                metadata: [
                    "topic": "\(plan.topic)", "setting": "\(drift.name)", "found": "\(drift.found)",
                    "stated": "\(drift.stated)",
                ])
        }
    }
}

/// A topic is missing, and this program does not make it.
struct MissingTopicError: DispositionError, CustomStringConvertible {
    let description: String

    init(_ plan: KafkaTopicPlan, reason: String) {
        description = "the topic \(plan.topic) is missing, and \(reason): \(plan.command)"
    }

    var disposition: Disposition { .hold(description) }
    var reason: String { "missing_topic" }
}

extension Metric {
    static let kafkaTopicDrift = gauge(
        "sluice_kafka_topic_drift",
        labels: [.topic, Label("setting", "the topic's setting, or `partitions` or `replication`")],
        help:
            "1 where a topic exists with another setting than is stated, and is left as it is; 0 where it is as stated."
    )
}
