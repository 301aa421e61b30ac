import Sluice
import Testing

@testable import SluiceAMQP

/// Names, types and flags are those of watermill-amqp's config.go.
struct LayoutTests {
    private func layout(_ topology: AMQPTopology, group: String? = nil) throws -> Layout {
        try Layout(topology, "orders", group: group, unique: "one")
    }

    @Test(arguments: [true, false])
    func aQueueLiesOnTheBrokersOwnExchange(isDurable: Bool) throws {
        let layout = try layout(isDurable ? .durableQueue : .nonDurableQueue)
        #expect(layout.exchange.name == "")
        #expect(layout.queue.name == "orders")
        #expect(layout.queue.isDurable == isDurable)
        #expect(!layout.queue.isAutoDeleted && !layout.queue.isExclusive)
        #expect(layout.queue.arguments == [:])
        #expect(layout.routingKey == "orders")
    }

    @Test func aQuorumQueueIsADurableOne() throws {
        let queue = try layout(.quorumQueue).queue
        #expect(queue.isDurable)
        #expect(queue.arguments == ["x-queue-type": "quorum"])
    }

    @Test(arguments: [true, false])
    func aPubSubHasAFanoutExchangeOfTheTopicsName(isDurable: Bool) throws {
        let topology: AMQPTopology = isDurable ? .durablePubSub() : .nonDurablePubSub()
        let layout = try layout(topology, group: "mailer")
        #expect(layout.exchange.name == "orders")
        #expect(layout.exchange.type == "fanout")
        #expect(layout.exchange.isDurable == isDurable)
        #expect(layout.queue.name == "orders_mailer")
        #expect(layout.queue.isDurable == isDurable)
        #expect(layout.bindingKey == "")
        #expect(layout.routingKey == "")
        #expect(topology.isPersistent == isDurable)
    }

    @Test func aSubscriptionWithoutAGroupHasAQueueOfItsOwn() throws {
        let durable = try layout(.durablePubSub())
        #expect(durable.queue.name == "orders_one")
        #expect(durable.isGenerated && !durable.queue.isExclusive)
        #expect(durable.queue.arguments["x-expires"]?.integer == 3_600_000)
        let other = try layout(.nonDurablePubSub())
        #expect(other.isGenerated && other.queue.isExclusive && other.queue.isAutoDeleted)
    }

    @Test func aQueueCanBeNamedForAPubSub() throws {
        #expect(try layout(.durablePubSub(queue: "fixed"), group: "g").queue.name == "fixed")
        #expect(try layout(.durablePubSub(queue: .topic(suffix: "x"))).queue.name == "orders_x")
        #expect(try layout(.durablePubSub(queue: .custom { $0.name.uppercased() })).queue.name == "ORDERS")
    }

    @Test func aTopicExchangeBindsWithTheTopic() throws {
        let layout = try layout(.durableTopic(exchange: "events", queue: "all"))
        #expect(layout.exchange.name == "events")
        #expect(layout.exchange.type == "topic")
        // As Watermill has it.
        #expect(!layout.exchange.isDurable)
        #expect(layout.queue.name == "all")
        #expect(layout.queue.isDurable)
        #expect(layout.bindingKey == "orders")
        #expect(layout.routingKey == "orders")
        #expect(try !self.layout(.nonDurableTopic(exchange: "events", queue: "all")).queue.isDurable)
    }

    @Test func deadLettersHaveAPlace() throws {
        let queue = try layout(.durableQueue.deadLettering(to: .queue("dead"))).queue
        #expect(queue.arguments == ["x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"])
        let kept = try layout(.durableQueue.deadLettering(to: .init(exchange: "dlx"))).queue
        #expect(kept.arguments == ["x-dead-letter-exchange": "dlx"])
    }

    @Test func whatCannotBeNamedIsRefused() {
        let long = Topic(String(repeating: "x", count: 256))
        #expect(throws: AMQPError.self) { try Layout(.durableQueue, long, group: nil, unique: "") }
        #expect(throws: AMQPError.self) { try Layout(.durableQueue, "", group: nil, unique: "") }
        let untyped = AMQPTopology().with { $0.exchange.name = "e" }
        #expect(throws: AMQPError.self) { try Layout(untyped, "t", group: nil, unique: "") }
    }
}

struct RetryTiersTests {
    @Test func theShortestThatIsLongEnoughIsChosen() {
        let tiers = RetryTiers(upTo: .seconds(20))
        #expect(tiers.delay(atLeast: .zero) == 100)
        #expect(tiers.delay(atLeast: .milliseconds(100)) == 100)
        #expect(tiers.delay(atLeast: .microseconds(100_001)) == 250)
        #expect(tiers.delay(atLeast: .seconds(11)) == 20_000)
        #expect(tiers.delay(atLeast: .seconds(3_600)) == 20_000)
        #expect(RetryTiers(upTo: .milliseconds(30)).delays == [30])
    }

    @Test func aTierOutlivesEveryMessageInIt() throws {
        let source = try Layout(.durableQueue, "orders", group: nil, unique: "").queue
        for delay in RetryTiers(upTo: .seconds(86_400)).delays {
            let tier = RetryTiers.queue(of: source, delay: delay)
            let expiry = try #require(tier.arguments["x-expires"]?.integer)
            #expect(expiry > delay + Int64(RetryTiers.declarationLife.components.seconds) * 1_000)
            #expect(tier.name == "orders.retry.\(delay)")
            #expect(tier.isDurable)
            #expect(tier.arguments["x-message-ttl"]?.integer == delay)
            #expect(tier.arguments["x-dead-letter-exchange"] == "")
            #expect(tier.arguments["x-dead-letter-routing-key"] == "orders")
        }
    }

    @Test func aQuorumQueuesTierLosesNothingEither() throws {
        let source = try Layout(.quorumQueue, "orders", group: nil, unique: "").queue
        let tier = RetryTiers.queue(of: source, delay: 100)
        #expect(tier.arguments["x-queue-type"] == "quorum")
        #expect(tier.arguments["x-dead-letter-strategy"] == "at-least-once")
        #expect(tier.arguments["x-overflow"] == "reject-publish")
    }
}
