import Sluice

extension PubSubConformance {
    /// Subscriptions that end and begin again.
    static let continuityCases: [Case] = [
        Case("continuesAfterTheSubscriptionWasClosedAndReopened", needs: .persistent) { run in
            let topic = run.harness.uniqueTopic()
            var inbox = try await run.inbox(topic)
            let messages = try await run.publish(run.scaled(100), to: topic)
            var done: Set<MessageID> = []
            while done.count < messages.count {
                for _ in 0..<10 where done.count < messages.count {
                    let delivery = try await inbox.next("\(messages.count - done.count) more messages")
                    delivery.acknowledge()
                    done.insert(delivery.message.id)
                }
                // Besides what is buffered, one that the consumer has taken and lets go of.
                if done.count < messages.count { try await inbox.takeSomeAndClose() }
                inbox = try await run.inbox(topic)
            }
        },
        Case("deliversEverythingAgainAfterACancellation", needs: .persistent) { run in
            let topic = run.harness.uniqueTopic()
            let first = try await run.inbox(topic)
            let messages = try await run.publish(run.scaled(30), to: topic)
            _ = try await first.next("a first delivery")
            first.subscription.cancel()
            try await first.expectEnd("after it was cancelled")
            let second = try await run.inbox(topic, of: first.subscriber)
            try await second.receive(all: messages)
        },
        Case("endsWaitingWhenTheTaskIsCancelledAndGoesOnAfterwards") { run in
            let topic = run.harness.uniqueTopic()
            let inbox = try await run.inbox(topic)
            run.step("cancelling a task that waits for a delivery")
            try await run.within {
                let waiting = run.time.task { try await inbox.subscription.next(1) }
                waiting.cancel()
                _ = try await waiting.value
            }
            let messages = try await run.publish(3, to: topic)
            try await inbox.receive(all: messages)
        },
        Case("keepsWhatIsPublishedWhileTheGroupIsAway", needs: .groups, .persistent) { run in
            let topic = run.harness.uniqueTopic()
            let first = try await run.inbox(topic)
            let early = try await run.publish(run.scaled(5), to: topic)
            try await first.receive(all: early)
            await first.subscriber.close()
            let late = try await run.publish(run.scaled(20), to: topic)
            let second = try await run.inbox(topic)
            let came = try await second.receive(late.count)
            guard run.features.exactlyOnce else { return }
            try run.expect(
                Set(came.map(\.message.id)) == Set(late.map(\.id)), "what was published while the group was away",
                but: "what it had acknowledged before came again")
        },
        Case("showsTheWholeTopicToALateSubscriber", needs: .oldMessages) { run in
            let topic = run.harness.uniqueTopic()
            let before = try await run.publish(run.scaled(30), to: topic)
            let inbox = try await run.inbox(topic, group: "late")
            let after = try await run.publish(run.scaled(30), to: topic)
            try await inbox.receive(all: before + after)
        },
        Case("showsTheWholeTopicToALateSubscriberAfterOthersAcknowledgedIt", needs: .groups, .oldMessages) { run in
            let topic = run.harness.uniqueTopic()
            let early = try await run.inbox(topic, group: "early")
            let messages = try await run.publish(run.scaled(30), to: topic)
            try await early.receive(all: messages)
            let late = try await run.inbox(topic, group: "late")
            try await late.receive(all: messages)
        },
        Case("rejectsWhatAClosedSubscriptionHeld", needs: .persistent) { run in
            let topic = run.harness.uniqueTopic()
            let first = try await run.inbox(topic)
            let messages = try await run.publish(10, to: topic)
            // Some in the hands of the consumer, the others in the subscription's buffer.
            try await first.takeSomeAndClose()
            let second = try await run.inbox(topic)
            try await second.receive(all: messages)
        },
        Case("acceptsASettlementAfterTheSubscriptionEnded", needs: .persistent) { run in
            let topic = run.harness.uniqueTopic()
            let first = try await run.inbox(topic)
            let messages = try await run.publish(3, to: topic)
            let held = try await first.next("a first delivery")
            await first.subscriber.close()
            // It may count or be too late, but it must do no harm.
            held.acknowledge()
            let second = try await run.inbox(topic)
            try await second.receive(all: messages.filter { $0.id != held.message.id })
        },
    ]
}
