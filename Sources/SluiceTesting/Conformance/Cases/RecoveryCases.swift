import Sluice
import Synchronization

extension PubSubConformance {
    /// Records that are broken.
    static let malformedCases: [Case] = [
        Case("goesOnAfterAMalformedRecord", needs: .malformed) { run in
            let topic = run.harness.uniqueTopic()
            let inbox = try await run.inbox(topic)
            let before = try await run.publish(3, to: topic)
            run.step("injecting a malformed record")
            try await run.harness.injectMalformed?(topic)
            let after = try await run.publish(3, to: topic)
            try await inbox.receive(all: before + after)
            try run.expect(!inbox.subscription.isEnded, "the subscription to go on", but: "it ended")
        }
    ]

    /// Brokers that go away.
    static let crashCases: [Case] = [
        Case("redeliversAfterACrashWhatWasNotSettled", needs: .restart) { run in
            let topic = run.harness.uniqueTopic()
            let first = try await run.inbox(topic)
            let messages = try await run.publish(20, to: topic)
            let settled = try await first.receive(10)
            // Kept over the crash: nothing rejects them but the broker's own knowledge.
            let held = try await first.next(5, "more deliveries")
            try await run.restart()
            // It may have come back by itself, and must not share with the second.
            first.subscription.cancel()
            let second = try await run.inbox(topic)
            let done = Set(settled.map(\.message.id))
            try await second.receive(all: messages.filter { !done.contains($0.id) })
            withExtendedLifetime(held) {}
        },
        Case("keepsWhatWasPublishedOverARestart", needs: .restart, .persistent) { run in
            let topic = run.harness.uniqueTopic()
            let first = try await run.inbox(topic)
            let messages = try await run.publish(run.scaled(50), to: topic)
            first.subscription.cancel()
            try await run.restart()
            try await run.inbox(topic).receive(all: messages)
        },
        Case("losesNothingWhenTheBrokerRestartsTwiceUnderLoad", needs: .restart) { run in
            let topic = run.harness.uniqueTopic()
            let group = try await run.inbox(topic)
            let messages = run.messages(run.scaled(200))
            let (tally, silence) = (Tally(), Silence(run.time))
            // However slow the machine is, some are published after each restart.
            let (quarter, part) = (messages.count / 4, messages.count / 8)
            let quota = Quota(quarter + part)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await run.publishThroughFailures(messages, to: topic, quota) }
                tasks.addTask {
                    try await run.readThroughFailures(group, into: tally, until: messages, silence)
                }
                tasks.addTask {
                    for (share, next) in [(quarter, quarter * 2 + part), (quarter * 2, messages.count)] {
                        // The tasks that read and publish say sooner, and better, why they do not come.
                        try await run.wait(for: "\(share) messages before a restart", within: run.harness.deadline) {
                            tally.unique >= share
                        }
                        silence.pause()
                        quota.raise(to: next)
                        try await run.restart()
                        silence.begin()
                    }
                }
                // The first failure ends the others, which would wait for each other.
                for try await _ in tasks {}
            }
        },
    ]
}

extension ConformanceRun {
    fileprivate func restart() async throws {
        step("restarting the broker")
        try await harness.restart?()
    }

    /// Publishes each message until a publisher accepts it, making a new one after every failure.
    fileprivate func publishThroughFailures(
        _ messages: [Message], to topic: Topic, _ quota: Quota
    ) async throws {
        var publisher = try await publisher()
        for (index, message) in messages.enumerated() {
            while !quota.allows(index) { try await time.sleep(for: .milliseconds(1)) }
            var failure: (any Error)?
            let accepted = try await holds(within: patience, in: time) {
                do {
                    try await publisher.publish([message], to: topic)
                    return true
                } catch {
                    failure = error
                    if let fresh = try? await self.publisher() { publisher = fresh }
                    return false
                }
            }
            try expect(
                accepted, "a publish to succeed within \(patience) of a restart",
                but: "the last error was \(failure.map { "\($0)" } ?? "none")")
        }
    }

    /// Reads and acknowledges until everything came, subscribing anew whenever the subscription ends or fails.
    fileprivate func readThroughFailures(
        _ inbox: Inbox, into tally: Tally, until messages: [Message], _ silence: Silence
    ) async throws {
        var subscription = inbox.subscription
        let end = time.now.advanced(by: harness.deadline)
        while time.now < end {
            let missing = tally.missing(of: messages)
            if missing.isEmpty { return }
            let current = subscription
            let batch = await withDeadlineOrNil(harness.quiet, in: time) { try await current.next(16) }
            if let batch {
                silence.begin()
                tally.add(batch)
                for delivery in batch { delivery.acknowledge() }
            } else if subscription.isEnded {
                try? await time.sleep(for: .milliseconds(1))
                if let fresh = try? await self.inbox(inbox.topic) { subscription = fresh.subscription }
            } else if silence.length > patience {
                throw ConformanceFailure(
                    expected: "a subscription that was made before a restart to go on, to end or to fail after it",
                    actual:
                        "it stayed open and delivered nothing for \(patience), so that its consumer would wait for ever; "
                        + Self.describe(missing: missing))
            }
        }
        throw ConformanceFailure(
            expected: "\(messages.count) messages", actual: Self.describe(missing: tally.missing(of: messages)))
    }
}

/// How many messages may be published so far.
private final class Quota: Sendable {
    private let count: Atomic<Int>

    init(_ count: Int) {
        self.count = Atomic(count)
    }

    func raise(to count: Int) { self.count.store(count, ordering: .relaxed) }

    func allows(_ index: Int) -> Bool { index < count.load(ordering: .relaxed) }
}

/// For how long nothing has come though something could.
private final class Silence: Sendable {
    private let time: RouterTime
    /// Nil while the broker is away.
    private let start: Mutex<MonotonicTime?>

    init(_ time: RouterTime) {
        self.time = time
        start = Mutex(time.now)
    }

    func begin() { start.withLock { $0 = time.now } }

    func pause() { start.withLock { $0 = nil } }

    var length: Duration { start.withLock(\.self).map { $0.duration(to: time.now) } ?? .zero }
}
