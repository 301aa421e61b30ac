import Sluice

extension PubSubConformance {
    /// Who gets what.
    static let groupCases: [Case] = [
        Case("deliversEverythingToEveryConsumerGroup", needs: .groups) { run in
            let topic = run.harness.uniqueTopic()
            let first = try await run.inbox(topic, group: "first")
            let second = try await run.inbox(topic, group: "second")
            let messages = try await run.publish(run.scaled(50), to: topic)
            try await first.receive(all: messages)
            try await second.receive(all: messages)
        },
        Case("doesNotHoldUpAGroupWhenAnotherRejects", needs: .groups) { run in
            let topic = run.harness.uniqueTopic()
            let failing = try await run.inbox(topic, group: "failing")
            let healthy = try await run.inbox(topic, group: "healthy")
            let messages = try await run.publish(10, to: topic)
            let rejected = try await failing.next("a first delivery")
            rejected.reject(after: .milliseconds(20))
            try await healthy.receive(all: messages)
            try await healthy.expectNothing("to a group that acknowledged everything")
            try await failing.receive(all: messages)
        },
        Case("sharesTheMessagesOfAGroup", needs: .groups) { run in
            let topic = run.harness.uniqueTopic()
            var inboxes: [Inbox] = []
            for _ in 0..<3 { inboxes.append(try await run.inbox(topic)) }
            let messages = try await run.publish(run.scaled(100), to: topic)
            let tally = try await run.drain(inboxes, until: messages)
            guard run.features.exactlyOnce else { return }
            for inbox in inboxes { try await inbox.expectNothing("after the group had everything") }
            try run.expect(
                tally.order.count == messages.count, "\(messages.count) deliveries to the group",
                but: "there were \(tally.order.count)")
        },
        Case("deliversNothingTwice", needs: .exactlyOnce) { run in
            let topic = run.harness.uniqueTopic()
            let inbox = try await run.inbox(topic)
            let messages = try await run.publish(run.scaled(50), to: topic)
            _ = try await inbox.receive(messages.count)
            try await inbox.expectNothing("twice")
        },
        Case("losesNothingWhenSubscribersComeAndGoWithMessagesInFlight", needs: .groups, .persistent) { run in
            let topic = run.harness.uniqueTopic()
            let leaving = try await run.inbox(topic, capacity: 8)
            let staying = try await run.inbox(topic, capacity: 8)
            let messages = run.messages(run.scaled(100))
            let publisher = try await run.publisher()
            let tally = Tally()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { for message in messages { try await publisher.publish([message], to: topic) } }
                group.addTask {
                    try await leaving.takeSomeAndClose()
                    let joining = try await run.inbox(topic, capacity: 8)
                    try await run.drain([staying, joining], into: tally, until: messages)
                }
                try await group.waitForAll()
            }
        },
    ]

    /// Many at once.
    static let concurrencyCases: [Case] = [
        Case("servesFiftyPublishersAndFiftySubscribersAtOnce") { run in
            let topic = run.harness.uniqueTopic()
            let inboxes = try await withThrowingTaskGroup(of: Inbox.self) { group in
                for _ in 0..<50 { group.addTask { try await run.inbox(topic) } }
                return try await group.reduce(into: [Inbox]()) { $0.append($1) }
            }
            let sets = (0..<50).map { run.messages(run.scaled(4, atLeast: 2), key: "publisher-\($0)") }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for messages in sets {
                    group.addTask {
                        let publisher = try await run.publisher()
                        for message in messages { try await publisher.publish([message], to: topic) }
                    }
                }
                group.addTask { try await run.drain(inboxes, until: sets.flatMap(\.self)) }
                try await group.waitForAll()
            }
        },
        Case("sharesOnePublisherAndOneSubscriberBetweenManyTasks") { run in
            let topic = run.harness.uniqueTopic()
            let publisher = try await run.publisher()
            let inbox = try await run.inbox(topic)
            let sets = (0..<20).map { run.messages(run.scaled(5), key: "task-\($0)") }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for messages in sets {
                    group.addTask { for message in messages { try await publisher.publish([message], to: topic) } }
                }
                // One subscription, several consumers.
                group.addTask { try await run.drain([inbox, inbox, inbox], until: sets.flatMap(\.self)) }
                try await group.waitForAll()
            }
        },
        Case("survivesManySubscriptionsThatCloseAtOnce") { run in
            let topic = run.harness.uniqueTopic()
            // Subscribed first, so that also a group that is not persistent misses nothing.
            let inbox = try await run.inbox(topic)
            let messages = run.messages(run.scaled(50))
            let publisher = try await run.publisher()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<20 {
                    group.addTask {
                        let brief = try await run.inbox(topic)
                        if number % 2 == 0 { _ = try brief.subscription.take(1) }
                        if number % 3 == 0 { brief.subscription.cancel() }
                        await brief.subscriber.close()
                        try await brief.expectEnd("after its subscriber was closed")
                    }
                }
                group.addTask { for message in messages { try await publisher.publish([message], to: topic) } }
                try await group.waitForAll()
            }
            try await inbox.receive(all: messages)
        },
        Case("losesNothingWhenPublishersCloseUnderLoad") { run in
            let topic = run.harness.uniqueTopic()
            let inbox = try await run.inbox(topic)
            let accepted = Tally()
            let drained = Tally()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<10 {
                    let publisher = try await run.publisher()
                    // More than it can publish before it is closed.
                    let messages = run.messages(run.scaled(500), key: "publisher-\(number)")
                    group.addTask {
                        for message in messages {
                            do { try await publisher.publish([message], to: topic) } catch { break }
                            accepted.add([Delivery(message, settler: IgnoringSettler(), tag: 0)])
                        }
                    }
                    group.addTask {
                        _ = try await holds(within: run.patience, in: run.time) { accepted.unique > number * 3 }
                        run.step("closing a publisher under load")
                        await publisher.close()
                    }
                }
                try await group.waitForAll()
            }
            try await run.drain([inbox], into: drained, until: accepted.order)
        },
    ]
}

/// Ignores settlements: for deliveries that only carry a message.
private final class IgnoringSettler: Settler {
    func settle(_ tag: UInt64, _ settlement: Settlement) {}
}

/// What `body` gives within `limit`; nil when it failed or took longer, in which case it is cancelled.
func withDeadlineOrNil<Value: Sendable>(
    _ limit: Duration, in time: RouterTime, _ body: @escaping @Sendable () async throws -> Value?
) async -> Value? {
    let work = time.task { try await body() }
    let timer = time.task {
        try? await time.sleep(for: limit)
        work.cancel()
    }
    defer { timer.cancel() }
    return (try? await work.value) ?? nil
}
