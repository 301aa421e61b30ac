import Sluice

extension PubSubConformance {
    /// The end of publishers and subscribers.
    static let closingCases: [Case] = [
        Case("endsTheStreamWhenTheSubscriberIsClosed") { run in
            let topic = run.harness.uniqueTopic()
            let subscriber = try await run.subscriber()
            let first = try await run.inbox(topic, of: subscriber)
            let second = try await run.inbox(run.harness.uniqueTopic(), of: subscriber)
            _ = try await run.publish(3, to: topic)
            _ = try await first.next("a delivery")
            run.step("closing the subscriber")
            try await run.within { await subscriber.close() }
            try await first.expectEnd("after its subscriber was closed")
            try await second.expectEnd("after its subscriber was closed")
        },
        Case("wakesAConsumerThatWaitsWhenTheSubscriberIsClosed") { run in
            let inbox = try await run.inbox(run.harness.uniqueTopic())
            let waiting = run.time.task { try await inbox.subscription.next(1) }
            defer { waiting.cancel() }
            run.step("closing a subscriber whose consumer waits")
            try await run.within { await inbox.subscriber.close() }
            try await run.within { _ = try await waiting.value }
        },
        Case("throwsWhenPublishingAfterClose") { run in
            let topic = run.harness.uniqueTopic()
            let inbox = try await run.inbox(topic)
            let publisher = try await run.publisher()
            let messages = run.messages(2)
            try await run.within { try await publisher.publish([messages[0]], to: topic) }
            try await run.within { await publisher.close() }
            do {
                try await run.within { try await publisher.publish([messages[1]], to: topic) }
            } catch is ConformanceFailure {
                throw ConformanceFailure(expected: "a publish after close to throw", actual: "it waited")
            } catch {
                try await inbox.receive(all: [messages[0]])
                return
            }
            throw ConformanceFailure(expected: "a publish after close to throw", actual: "it succeeded")
        },
        Case("throwsWhenSubscribingAfterClose") { run in
            let topic = run.harness.uniqueTopic()
            let subscriber = try await run.subscriber()
            try await run.within { await subscriber.close() }
            do {
                try await run.within { _ = try await subscriber.subscribe(to: topic) }
            } catch is ClosedError {
                return
            } catch is ConformanceFailure {
                throw ConformanceFailure(expected: "subscribing after close to throw", actual: "it waited")
            } catch {
                throw ConformanceFailure(expected: "ClosedError", actual: "\(type(of: error)) was thrown")
            }
            throw ConformanceFailure(expected: "subscribing after close to throw", actual: "it succeeded")
        },
        Case("returnsAtOnceWhenClosedTwice") { run in
            let topic = run.harness.uniqueTopic()
            let inbox = try await run.inbox(topic)
            let publisher = try await run.publisher()
            run.step("closing twice, also at the same time")
            try await run.within {
                await withTaskGroup(of: Void.self) { group in
                    for _ in 0..<4 {
                        group.addTask { await inbox.subscriber.close() }
                        group.addTask { await publisher.close() }
                    }
                }
                await inbox.subscriber.close()
                await publisher.close()
            }
        },
        Case("leavesOthersOpenWhenOneIsClosed") { run in
            let topic = run.harness.uniqueTopic()
            let inbox = try await run.inbox(topic)
            let (closing, staying) = (try await run.publisher(), try await run.publisher())
            let other = try await run.subscriber()
            try await run.within {
                await closing.close()
                await other.close()
            }
            let messages = run.messages(3)
            try await run.within { try await staying.publish(messages, to: topic) }
            try await inbox.receive(all: messages)
        },
        Case("cancelsASubscriptionTwiceWithoutHarm") { run in
            let topic = run.harness.uniqueTopic()
            let inbox = try await run.inbox(topic)
            inbox.subscription.cancel()
            inbox.subscription.cancel()
            try await inbox.expectEnd("after it was cancelled")
            let again = try await run.inbox(topic, of: inbox.subscriber)
            let messages = try await run.publish(3, to: topic)
            try await again.receive(all: messages)
        },
    ]
}
