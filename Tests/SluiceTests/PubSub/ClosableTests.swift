import Logging
import ServiceLifecycle
import Sluice
import SluiceTesting
import Testing

/// What has a life of its own closes itself as a service.
@Suite(.timeLimit(.minutes(1)))
struct ClosableTests {
    @Test func publishersAndSubscribersCloseThemselvesBehindTheRouterThatUsesThem() async throws {
        let broker = MemoryBroker()
        let (publisher, subscriber) = (broker.publisher(), broker.subscriber(group: "g"))
        let handled = RecordingPublisher()
        let router = Router(logger: .silent)
        try router.add(Route("r", from: subscriber, "in", to: handled, "out") { message, _ in [message] })
        let group = ServiceGroup(services: [publisher, subscriber, router], logger: .silent)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            try await eventually("it runs") { router.status.allSatisfy(\.isRunning) }
            try await publisher.publish([Message(text: "a")], to: "in")
            _ = try await handled.waitForRecords(1)
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
        await #expect(throws: ClosedError.self) { try await publisher.publish([Message(text: "b")], to: "in") }
        await #expect(throws: ClosedError.self) { _ = try await subscriber.subscribe(to: "in") }
    }

    @Test func oneThatIsCancelledIsClosedToo() async throws {
        let publisher = MemoryBroker().publisher()
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try? await publisher.run() }
            tasks.cancelAll()
        }
        await #expect(throws: ClosedError.self) { try await publisher.publish([Message(text: "b")], to: "in") }
    }
}
