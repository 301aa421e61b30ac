import Sluice
import SluiceTesting
import Testing

struct DoublesTests {
    struct Broken: Error {}

    @Test func failingPublisherFollowsItsScript() async throws {
        let recording = RecordingPublisher()
        let publisher = FailingPublisher(
            [.fail(Broken()), .succeed, .acceptFirst(1, then: Broken())], then: .fail(Broken()), passingOnTo: recording)
        let messages = (0..<3).map { Message(payload: [$0]) }
        await #expect(throws: Broken.self) { try await publisher.publish(messages, to: "t") }
        try await publisher.publish([messages[0]], to: "t")
        let error = await #expect(throws: PublishError.self) { try await publisher.publish(messages, to: "t") }
        #expect(error?.notAccepted == messages.dropFirst().map(\.id))
        await #expect(throws: Broken.self) { try await publisher.publish(messages, to: "t") }
        #expect(recording.messages(to: "t") == [messages[0], messages[0]])
        #expect(publisher.calls == 4)
        publisher.change(to: [])
        try await publisher.publish(messages, to: "u")
        #expect(recording.messages(to: "u") == messages)
        #expect(recording.records.last?.call == 2)
        await publisher.close()
        await #expect(throws: ClosedError.self) { try await publisher.publish(messages, to: "t") }
    }

    @Test func gateLetsThroughWhenItOpens() async throws {
        let gate = Gate()
        let waiting = Task { try await gate.wait() }
        let cancelled = Task { try await gate.wait() }
        try await eventually { gate.waiting == 2 }
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        gate.open()
        try await waiting.value
        try await gate.wait()
        #expect(gate.waiting == 0)
    }

    @Test func eventuallySaysWhatDidNotHappen() async {
        let error = await #expect(throws: NotInTime.self) {
            try await eventually("pigs to fly", within: .milliseconds(5)) { false }
        }
        #expect(error?.description.contains("pigs to fly") == true)
    }
}
