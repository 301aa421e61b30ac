import Sluice

extension PubSubConformance {
    /// What becomes of a delivery.
    static let settlementCases: [Case] = [
        Case("doesNotRedeliverWhatWasAcknowledged") { run in
            let topic = run.harness.uniqueTopic()
            let inbox = try await run.inbox(topic)
            let messages = try await run.publish(run.scaled(20), to: topic)
            _ = try await inbox.receive(messages.count)
            guard run.features.exactlyOnce else { return }
            try await inbox.expectNothing("after everything was acknowledged")
        },
        Case("redeliversAfterRejection") { run in
            let topic = run.harness.uniqueTopic()
            let inbox = try await run.inbox(topic)
            let messages = try await run.publish(run.scaled(20), to: topic)
            try await inbox.receive(all: messages, rejectingEach: 1)
        },
        Case("continuesAfterRepeatedRejections") { run in
            let topic = run.harness.uniqueTopic()
            let inbox = try await run.inbox(topic)
            let messages = try await run.publish(run.scaled(20), to: topic)
            try await inbox.receive(all: messages, rejectingEach: 4, after: .milliseconds(1))
        },
        Case("goesOnWithOthersWhileOneIsRejected", needs: .overtaking) { run in
            let topic = run.harness.uniqueTopic()
            let inbox = try await run.inbox(topic)
            let messages = try await run.publish(10, to: topic)
            var others: Set<MessageID> = []
            while others.count < 9 {
                for delivery in try await inbox.next(16, "\(9 - others.count) messages beside a rejected one") {
                    if delivery.message.id == messages[0].id {
                        delivery.reject(after: .milliseconds(5))
                    } else {
                        delivery.acknowledge()
                        others.insert(delivery.message.id)
                    }
                }
            }
            try await inbox.receive(all: [messages[0]])
        },
        Case("redeliversWhatWasNeverSettled") { run in
            let topic = run.harness.uniqueTopic()
            let inbox = try await run.inbox(topic)
            let messages = try await run.publish(5, to: topic)
            // Nothing keeps the deliveries: their last reference goes here.
            for _ in messages { _ = try await inbox.next("a first delivery") }
            try await inbox.receive(all: messages)
        },
        Case("ignoresASecondSettlement") { run in
            let topic = run.harness.uniqueTopic()
            let inbox = try await run.inbox(topic)
            let messages = try await run.publish(2, to: topic)
            var rejected: Set<MessageID> = []
            for _ in 0..<2 {
                let delivery = try await inbox.next("a first delivery")
                if delivery.message.id == messages[0].id {
                    try run.expect(delivery.acknowledge(), "the first settlement to count", but: "it did not")
                    try run.expect(!delivery.reject(), "a rejection after it to be ignored", but: "it counted")
                } else {
                    rejected.insert(delivery.message.id)
                    try run.expect(delivery.reject(), "the first settlement to count", but: "it did not")
                    try run.expect(!delivery.acknowledge(), "one after it to be ignored", but: "it counted")
                }
            }
            let again = try await inbox.next("the rejected message")
            again.acknowledge()
            try run.expect(
                rejected.contains(again.message.id), "the rejected message again", but: "the acknowledged one came")
        },
        Case("countsAttempts", needs: .attempts) { run in
            let topic = run.harness.uniqueTopic()
            let inbox = try await run.inbox(topic)
            _ = try await run.publish(1, to: topic)
            for attempt in 1...4 {
                let delivery = try await inbox.next("attempt \(attempt)")
                delivery.reject(after: .milliseconds(1))
                try run.expect(
                    delivery.origin.attempt == attempt, "attempt \(attempt)", but: "it said \(delivery.origin.attempt)")
                try run.expect(
                    delivery.origin.redelivered == (attempt > 1), "redelivered to be \(attempt > 1)",
                    but: "it was \(delivery.origin.redelivered)")
            }
            try await inbox.next("the last attempt").acknowledge()
        },
        Case("keepsTheDelayOfARejection", needs: .delays) { run in
            let topic = run.harness.uniqueTopic()
            let inbox = try await run.inbox(topic)
            _ = try await run.publish(1, to: topic)
            for delay in [Duration.milliseconds(50), .milliseconds(400)] {
                let first = try await inbox.next("a delivery")
                let start = run.time.now
                first.reject(after: delay)
                let second = try await inbox.next("the rejected message after \(delay)")
                let waited = start.duration(to: run.time.now)
                second.reject()
                // Timers of some brokers count whole milliseconds.
                try run.expect(
                    waited >= delay - .milliseconds(2), "a redelivery after \(delay)", but: "it came after \(waited)")
            }
            try await inbox.next("the last delivery").acknowledge()
        },
        Case("doesNotRedeliverInAHotLoop") { run in
            let topic = run.harness.uniqueTopic()
            let inbox = try await run.inbox(topic)
            _ = try await run.publish(1, to: topic)
            // Each wait counts by itself, as a lower bound: a busy machine makes a paced one longer and never shorter, and
            // of a hot loop's some are short on every machine. While it is busy it is watched for longer.
            let start = run.time.now
            var (waits, quick) = ([Duration](), 0)
            let yardstick = Subscription()
            var delivery = try await inbox.next("a first delivery")
            while !Pacing.isEnough(waits, quick, over: start.duration(to: run.time.now)) {
                let rejected = run.time.now
                delivery.reject()
                // Without a detour through other tasks, which may be slow.
                let ready = try inbox.subscription.take(1)?.first
                delivery = if let ready { ready } else { try await inbox.next("a redelivery") }
                waits.append(rejected.duration(to: run.time.now))
                if waits.count > Pacing.free, try await Pacing.isPrompt(run, by: yardstick) { quick += 1 }
            }
            delivery.acknowledge()
            try run.expect(
                waits.dropFirst(Pacing.free).allSatisfy { $0 >= Pacing.least },
                "a message that is always rejected to come again after 5 ms or more, from its fifth redelivery on",
                but: "it came after \(waits.dropFirst(Pacing.free).min() ?? .zero)")
        },
    ]
}

/// The rule of ``/Sluice/Settler``, as it is watched.
private enum Pacing {
    /// So many redeliveries may come as soon as they like.
    static let free = 4
    /// 5 ms, less what timers that count whole milliseconds are early.
    static let least = Duration.milliseconds(3)
    /// What is due at once comes as soon on a machine that has time for it.
    private static let prompt = Duration.milliseconds(1)
    private static let watch = Duration.milliseconds(500)
    /// One that begins with long waits is paced for certain.
    private static let longest = Duration.seconds(10)

    /// Whether this machine has time now: how long a message takes that another task offers at once.
    static func isPrompt(_ run: ConformanceRun, by yardstick: Subscription) async throws -> Bool {
        let start = run.time.now
        let feeding = run.time.task { yardstick.offer(Delivery(Message(payload: []), settler: Unsettled(), tag: 0)) }
        _ = try await withDeadline(run.patience, in: run.time) { try await yardstick.next(1) }
        _ = try await feeding.value
        return start.duration(to: run.time.now) < prompt
    }

    /// Whether the waits say what there is to say.
    /// - Parameter quick: how many of those that count came while the machine had time.
    static func isEnough(_ waits: [Duration], _ quick: Int, over elapsed: Duration) -> Bool {
        if waits.dropFirst(free).contains(where: { $0 < least }) { return true }
        return elapsed >= longest || elapsed >= watch && quick >= 8
    }
}

private final class Unsettled: Settler {
    func settle(_ tag: UInt64, _ settlement: Settlement) {}
}
