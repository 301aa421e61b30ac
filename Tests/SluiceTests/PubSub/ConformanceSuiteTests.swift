import Foundation
import Sluice
import SluiceTesting
import Testing

/// The suite finds what is broken: each flaw by the case that is named beside it.
struct ConformanceSuiteTests {
    @Test(arguments: PubSubConformance.allCases)
    func findsNothingInASoundPubSub(_ conformance: PubSubConformance.Case) async throws {
        let harness = try BentPubSub(PubSubChange()).harness
        if let reason = conformance.skipReason(on: harness) { try Test.cancel("\(conformance): \(reason)") }
        try await conformance.run(on: harness)
    }

    @Test(arguments: flaws)
    func finds(_ flaw: Flaw) async throws {
        let conformance = try #require(PubSubConformance.allCases.first { $0.name == flaw.foundBy })
        var harness = try BentPubSub(flaw.change).harness
        harness.patience = .milliseconds(700)
        harness.deadline = .seconds(3)
        try #require(conformance.skipReason(on: harness) == nil)
        // A flaw that needs luck to show, such as a loss of what happens to be buffered, is looked for more than once.
        var failure: ConformanceFailure?
        for _ in 0..<5 where failure == nil {
            do {
                try await conformance.run(on: harness)
            } catch {
                failure = try #require(error as? ConformanceFailure)
            }
        }
        #expect(failure?.name == flaw.foundBy)
        #expect(failure?.description.isEmpty == false)
    }

    /// Not by the limit of the whole case, which says nothing of why.
    @Test func namesASubscriptionThatNeitherEndsNorFailsNorGoesOn() async throws {
        var change = PubSubChange()
        change.restartLeavesOpen = true
        var harness = try BentPubSub(change).harness
        harness.patience = .seconds(10)
        let conformance = try #require(
            PubSubConformance.restartCases.first { $0.name == "losesNothingWhenTheBrokerRestartsTwiceUnderLoad" })
        let failure = await #expect(throws: ConformanceFailure.self) { try await conformance.run(on: harness) }
        #expect(failure?.description.contains("its consumer would wait for ever") == true, "\(failure as Any)")
    }

    /// Many at once, and more that is to be done than the machine can do: neither makes a hot loop look paced.
    @Test func findsAHotLoopBesideMuchElse() async throws {
        let conformance = try #require(PubSubConformance.cases.first { $0.name == "doesNotRedeliverInAHotLoop" })
        let isDone = Flag()
        defer { isDone.set() }
        for _ in 0..<4 {
            Thread.detachNewThread { while !isDone.value {} }
        }
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for number in 0..<12 {
                tasks.addTask {
                    var change = PubSubChange()
                    let isHot = number < 8
                    // Between tasks each redelivery waits for as long as the machine has others to run.
                    change.skipsRelay = isHot
                    if isHot { change.broker.redeliveryDelay = .zero }
                    let harness = try BentPubSub(change).harness
                    var failure: (any Error)?
                    do { try await conformance.run(on: harness) } catch { failure = error }
                    #expect(
                        (failure is ConformanceFailure) == isHot, "\(number): \(failure.map { "\($0)" } ?? "passed")")
                }
            }
            try await tasks.waitForAll()
        }
    }

    @Test func namesEachCaseOnce() {
        let names = PubSubConformance.allCases.map(\.name)
        #expect(Set(names).count == names.count)
    }

    @Test func reportsWhatItSkipsAndWhy() async throws {
        var harness = try BentPubSub(PubSubChange()).harness
        harness.features.consumerGroups = false
        harness.restart = nil
        let skipped = PubSubConformance.skipped(for: harness)
        let applicable = PubSubConformance.cases(for: harness)
        #expect(skipped.count + applicable.count == PubSubConformance.allCases.count)
        let groups = try #require(skipped.first { $0.case.name == "deliversEverythingToEveryConsumerGroup" })
        #expect(groups.reason == "needs consumerGroups")
        let restart = try #require(skipped.first { $0.case.name == "keepsWhatWasPublishedOverARestart" })
        #expect(restart.reason == "needs restartable and a restart closure")
        await #expect(throws: ConformanceSkip.self) { try await groups.case.run(on: harness) }
    }

    static let flaws: [Flaw] = [
        Flaw("drops every fifth message", foundBy: "deliversWhatWasPublishedWithIdPayloadAndMetadata") {
            $0.publish = { messages, topic, next in
                let kept = messages.enumerated().filter { $0.offset % 5 != 4 }.map(\.element)
                try await next.publish(kept, to: topic)
            }
        },
        Flaw("loses metadata", foundBy: "deliversEmptyMetadataValues") {
            $0.publish = { messages, topic, next in
                try await next.publish(messages.map { Message(id: $0.id, payload: $0.payload) }, to: topic)
            }
        },
        Flaw("adds metadata", foundBy: "deliversAMessageWithoutMetadata") {
            $0.publish = bend { $0.metadata["added"] = "1" }
        },
        Flaw("cuts metadata at 4 KiB", foundBy: "deliversHugeMetadata") {
            $0.publish = bend { message in
                while message.metadata.count > 4 { message.metadata[message.metadata[4].name] = nil }
            }
        },
        Flaw("ends a payload at its first zero", foundBy: "deliversBinaryPayloads") {
            $0.publish = bend { $0.payload = Array($0.payload.prefix { $0 != 0 }) }
        },
        Flaw("cuts a payload at 64 KiB", foundBy: "deliversALargePayload") {
            $0.publish = bend { $0.payload = Array($0.payload.prefix(65_536)) }
        },
        Flaw("discards empty payloads", foundBy: "deliversAnEmptyPayload") {
            $0.publish = { try await $2.publish($0.filter { !$0.payload.isEmpty }, to: $1) }
        },
        Flaw("writes ids in lower case", foundBy: "keepsForeignIds") {
            $0.publish = bend { $0.id = MessageID($0.id.description.lowercased()) }
        },
        Flaw("puts all topics in one", foundBy: "isolatesTopics") {
            $0.topic = { _ in "one" }
        },
        Flaw("replaces what is not ASCII in topics", foundBy: "servesNonASCIITopics") {
            $0.publish = { messages, topic, next in
                try await next.publish(messages, to: Topic(topic.name.filter(\.isASCII)))
            }
        },
        Flaw("reverses batches", foundBy: "keepsTheOrderWithASingleSubscriber") {
            $0.publish = { try await $2.publish($0.reversed(), to: $1) }
        },
        Flaw("never redelivers", foundBy: "redeliversAfterRejection") {
            $0.settle = { _, delivery in delivery.acknowledge() }
        },
        Flaw("redelivers once", foundBy: "continuesAfterRepeatedRejections") {
            $0.settle = { settlement, delivery in
                if case .rejected = settlement, delivery.origin.attempt < 2 {
                    delivery.reject()
                } else {
                    delivery.acknowledge()
                }
            }
        },
        Flaw("redelivers what was acknowledged", foundBy: "doesNotRedeliverWhatWasAcknowledged") {
            $0.settle = { _, delivery in delivery.reject() }
        },
        Flaw("waits for a settlement for ever", foundBy: "redeliversWhatWasNeverSettled") {
            $0.keepsEverything = true
        },
        Flaw("redelivers in a hot loop", foundBy: "doesNotRedeliverInAHotLoop") {
            $0.broker.redeliveryDelay = .zero
            $0.skipsRelay = true
        },
        Flaw("redelivers in a hot loop between threads", foundBy: "doesNotRedeliverInAHotLoop") {
            $0.broker.redeliveryDelay = .zero
        },
        Flaw("paces its redeliveries too little", foundBy: "doesNotRedeliverInAHotLoop") {
            $0.broker.maxRedeliveryDelay = .milliseconds(1)
        },
        Flaw("ignores the delay of a rejection", foundBy: "keepsTheDelayOfARejection") {
            $0.settle = { settlement, delivery in
                if case .rejected = settlement { delivery.reject() } else { delivery.acknowledge() }
            }
        },
        Flaw("counts no attempts", foundBy: "countsAttempts") {
            $0.relay = { [Delivery($0.message, settler: $1, tag: 0)] }
        },
        Flaw("delivers everything twice", foundBy: "deliversNothingTwice") {
            $0.relay = { delivery, settler in
                [
                    Delivery(delivery.message, origin: delivery.origin, settler: settler, tag: 0),
                    Delivery(delivery.message, settler: Indifferent(), tag: 0),
                ]
            }
        },
        Flaw("delivers to every member of a group", foundBy: "sharesTheMessagesOfAGroup") {
            $0.options = { PubSubHarness.SubscriberOptions(maxInFlight: $0.maxInFlight, capacity: $0.capacity) }
        },
        Flaw("knows only one group", foundBy: "deliversEverythingToEveryConsumerGroup") {
            $0.options = { options in
                var options = options
                options.group = "one"
                return options
            }
        },
        Flaw("limits nothing in flight", foundBy: "deliversNothingMoreBeforeAcknowledgement") {
            $0.options = { PubSubHarness.SubscriberOptions(group: $0.group, capacity: $0.capacity) }
        },
        Flaw("lets newer messages overtake a rejected one", foundBy: "deliversARejectedMessageBeforeNewerOnes") {
            $0.options = { PubSubHarness.SubscriberOptions(group: $0.group, maxInFlight: 2, capacity: $0.capacity) }
        },
        Flaw("loses what a publisher buffers when it closes", foundBy: "losesNothingWhenPublishersCloseUnderLoad") {
            $0.buffersPublishes = true
        },
        Flaw("publishes after close", foundBy: "throwsWhenPublishingAfterClose") {
            $0.closePublisher = { _ in }
        },
        Flaw("does not close its subscriptions", foundBy: "endsTheStreamWhenTheSubscriberIsClosed") {
            $0.subscriberCloses = false
        },
        Flaw("leaves a waiting consumer alone at close", foundBy: "wakesAConsumerThatWaitsWhenTheSubscriberIsClosed") {
            $0.subscriberCloses = false
        },
        Flaw("subscribes after close", foundBy: "throwsWhenSubscribingAfterClose") {
            $0.subscribesAfterClose = true
        },
        Flaw("hangs in close", foundBy: "returnsAtOnceWhenClosedTwice") {
            $0.closeHangs = true
        },
        Flaw("hangs in publish", foundBy: "acceptsABatchWithoutMessages") {
            $0.publish = { _, _, _ in try await Gate().wait() }
        },
        Flaw("forgets a group when its subscriber leaves", foundBy: "continuesAfterTheSubscriptionWasClosedAndReopened")
        {
            $0.isForgetful = true
            $0.broker = MemoryBroker.Configuration()
            $0.options = { PubSubHarness.SubscriberOptions(maxInFlight: $0.maxInFlight, capacity: $0.capacity) }
        },
        Flaw("drops what is published while a group is away", foundBy: "keepsWhatIsPublishedWhileTheGroupIsAway") {
            $0.isForgetful = true
            $0.broker = MemoryBroker.Configuration()
            $0.options = { PubSubHarness.SubscriberOptions(maxInFlight: $0.maxInFlight, capacity: $0.capacity) }
        },
        Flaw("starts new groups at the end", foundBy: "showsTheWholeTopicToALateSubscriber") {
            $0.broker = MemoryBroker.Configuration()
        },
        Flaw("ignores that a publish is cancelled", foundBy: "cancelsAPublishThatWaits") {
            $0.broker = MemoryBroker.Configuration()
            $0.publish = { messages, topic, next in
                try await Task { try await next.publish(messages, to: topic) }.value
            }
        },
        Flaw("never holds back a publisher", foundBy: "holdsBackAPublisherWhileASubscriptionIsFull") {
            $0.broker = MemoryBroker.Configuration()
            $0.publish = { messages, topic, next in
                Task { try await next.publish(messages, to: topic) }
            }
        },
        Flaw("ends at a malformed record", foundBy: "goesOnAfterAMalformedRecord") {
            $0.malformedEnds = true
        },
        Flaw("forgets in a restart", foundBy: "keepsWhatWasPublishedOverARestart") {
            $0.restartForgets = true
        },
        Flaw("forgets what was in flight in a crash", foundBy: "redeliversAfterACrashWhatWasNotSettled") {
            $0.restartForgets = true
        },
        Flaw("leaves its subscriptions open after a crash", foundBy: "losesNothingWhenTheBrokerRestartsTwiceUnderLoad")
        {
            $0.restartLeavesOpen = true
        },
        Flaw("loses messages when it restarts under load", foundBy: "losesNothingWhenTheBrokerRestartsTwiceUnderLoad") {
            $0.restartForgets = true
        },
    ]

    private static func bend(
        _ change: @escaping @Sendable (inout Message) -> Void
    ) -> @Sendable ([Message], Topic, any Publisher) async throws -> Void {
        { messages, topic, next in
            let bent = messages.map { message in
                var message = message
                change(&message)
                return message
            }
            try await next.publish(bent, to: topic)
        }
    }
}

private final class Indifferent: Settler {
    func settle(_ tag: UInt64, _ settlement: Settlement) {}
}
