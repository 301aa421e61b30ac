import Sluice
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceGateway

/// An event is decoded once on its way to a sink.
struct EventInHandTests {
    private final class FailingTwice: Sink {
        let deliveries = Mutex<[SinkDelivery]>([])

        func deliver(_ delivery: SinkDelivery) async throws {
            let count = deliveries.withLock { deliveries in
                deliveries.append(delivery)
                return deliveries.count
            }
            if count < 3 { throw HandlerError("not yet", reason: "later", disposition: .retry()) }
        }
    }

    private let event = Event.commitDeployed(
        Deployment(id: Fixtures.commit, env: "production", occurredOn: Timestamp(millisecondsSince1970: 1)))

    @Test func anEventIsDecodedOnceForAllAttempts() async throws {
        let decodings = Mutex(0)
        let sink = FailingTwice()
        let event = event
        let inHand = TakeInHand { message throws(SourceError) in
            decodings.withLock { $0 += 1 }
            return try Event(message)
        }
        try await VirtualTime.run { time in
            let broker = MemoryBroker(time: time)
            let router = Router(time: time)
            try router.add(
                Route(
                    "log-to-own", from: broker.subscriber(group: "g"), "events",
                    to: SinkPublisher("own", sink, time: time),
                    "events", middlewares: [inHand, EventAge(), Retry(), Timeout(.seconds(60))]
                ) { message, _ in [message] })
            let running = time.task { try await router.run() }
            try await time.eventually { router.status.allSatisfy(\.isRunning) }
            try await broker.publisher().publish([event.message()], to: "events")
            try await time.eventually { sink.deliveries.withLock(\.count) == 3 }
            router.drain()
            try await running.value
        }
        #expect(sink.deliveries.withLock { $0.allSatisfy { $0.event == event && $0.id == event.messageID } })
        #expect(decodings.withLock { $0 } == 1)
    }

    @Test func aMessageThatIsAnotherThanTheOneInHandIsDecodedItself() async throws {
        let other = Event.deploymentFailed(
            Deployment(id: Fixtures.commit, env: "staging", occurredOn: Timestamp(millisecondsSince1970: 2)))
        let (mine, its) = (event.message(), other.message())
        try EventInHand.$current.withValue(EventInHand(mine)) {
            EventInHand.current?.note(mayBeDelivered: false)
            let first = try EventInHand.delivery(of: mine)
            #expect(first.event == event && !first.mayBeDelivered)
            let second = try EventInHand.delivery(of: its)
            #expect(second.event == other && second.mayBeDelivered)
        }
        #expect(throws: SourceError.self) { try EventInHand.delivery(of: Message(payload: [])) }
    }
}
