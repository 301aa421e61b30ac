import Sluice
import SluiceGateway
import Testing

struct EventTests {
    private let pushed = CommitPushed(
        id: Fixtures.commit, message: "Fix\n\n\"it\" 🚀", author: "ann",
        occurredOn: Timestamp(millisecondsSince1970: 1_767_323_045_678), repository: "octo/hello",
        ref: "refs/heads/main",
        url: "https://github.com/octo/hello/commit/1")
    private let deployed = Deployment(
        id: Fixtures.commit, env: "production", occurredOn: Timestamp(millisecondsSince1970: 1_767_323_045_678),
        service: "hello", repository: "octo/hello")

    @Test func writesTheSampleApplicationsFields() {
        let message = Event.commitPushed(pushed).message()
        #expect(
            String(decoding: message.payload, as: UTF8.self)
                == #"{"id":"6113728f27ae82c7b1a177c8d03f9e96e0adf246","message":"Fix\n\n\"it\" 🚀","author":"ann","#
                + #""occurred_on":"2026-01-02T03:04:05.678Z","repository":"octo/hello","ref":"refs/heads/main","#
                + #""url":"https://github.com/octo/hello/commit/1"}"#)
        #expect(message.metadata == ["event_type": "commitPushed", "repository": "octo/hello"])
        let deployment = Event.commitDeployed(deployed).message()
        #expect(
            String(decoding: deployment.payload, as: UTF8.self)
                == #"{"id":"6113728f27ae82c7b1a177c8d03f9e96e0adf246","env":"production","#
                + #""occurred_on":"2026-01-02T03:04:05.678Z","service":"hello","repository":"octo/hello"}"#)
        #expect(deployment.metadata == ["event_type": "commitDeployed", "repository": "octo/hello"])
    }

    @Test func readsBackWhatItWrites() throws {
        var bare = pushed
        (bare.repository, bare.ref, bare.url) = (nil, nil, nil)
        var alone = deployed
        (alone.service, alone.repository) = (nil, nil)
        for event in [.commitPushed(pushed), .commitPushed(bare), .commitDeployed(deployed), .commitDeployed(alone)]
            as [Event]
        {
            #expect(try Event(event.message()) == event)
        }
    }

    @Test func readsTheSampleApplicationsOwnEvents() throws {
        let payload = #"{"id":"ABCDEF12","env":"staging","occurred_on":"2026-01-02T04:04:05+01:00"}"#
        let event = try Event(Message(metadata: ["event_type": "commitDeployed"], payload: Array(payload.utf8)))
        #expect(
            event
                == .commitDeployed(
                    Deployment(
                        id: "abcdef12", env: "staging", occurredOn: Timestamp(millisecondsSince1970: 1_767_323_045_000))
                ))
    }

    @Test(
        arguments: [
            (nil, "{}"), ("other", "{}"), ("commitPushed", ""), ("commitPushed", "[]"), ("commitPushed", "{}"),
            ("commitPushed", #"{"id":"abcd","occurred_on":"yesterday"}"#), ("commitPushed", #"{"id":"xyz1"}"#),
            ("commitDeployed", #"{"id":"abcd","occurred_on":"2026-01-02T04:04:05Z"}"#),
            ("commitDeployed", #"{"id":"abcd","occurred_on":"2026-01-02T04:04:05Z","env":"a\nb"}"#),
            ("commitDeployed", #"{"id":7,"occurred_on":"2026-01-02T04:04:05Z","env":"a"}"#),
        ] as [(String?, String)])
    func asksForThePoisonQueueWhenThereIsNoEvent(type: String?, payload: String) throws {
        var message = Message(payload: Array(payload.utf8))
        message.metadata["event_type"] = type
        let error = #expect(throws: SourceError.self) { try Event(message) }
        #expect(try #require(error).disposition.isPermanent)
    }

    @Test func keepsTheOrderByRepositoryThenServiceThenKind() {
        var event = deployed
        event.repository = nil
        #expect(Event.commitDeployed(event).orderingKey == "hello")
        event.service = nil
        #expect(Event.commitDeployed(event).orderingKey == "deployments")
        var push = pushed
        push.repository = nil
        #expect(Event.commitPushed(push).message().metadata["repository"] == "commits")
    }

    @Test func namesTheSameEventAlways() {
        // The value is a promise: an id that changes makes every redelivery a new event.
        #expect(Event.commitPushed(pushed).messageID.description == "e217773c-2c0f-8c93-b1f0-3bf257cf2a3d")
        #expect(Event.commitDeployed(deployed).messageID.description == "876f1f33-81ff-8d18-861d-2a42d21ad984")
    }

    @Test func namesAPushByRepositoryAndCommitAlone() {
        let id = Event.commitPushed(pushed).messageID
        var same = pushed
        (same.ref, same.message, same.author, same.url) = ("refs/heads/other", "x", "y", nil)
        same.occurredOn.millisecondsSince1970 += 1
        #expect(Event.commitPushed(same).messageID == id)
        var other = pushed
        other.repository = "octo/other"
        #expect(Event.commitPushed(other).messageID != id)
    }

    @Test func namesADeploymentByAllThatMakesItOne() {
        var events = [deployed, deployed, deployed, deployed, deployed, deployed]
        events[1].env = "staging"
        events[2].occurredOn.millisecondsSince1970 += 1
        events[3].service = "other"
        events[4].repository = nil
        // Moving a letter from one field to the next is another deployment.
        (events[5].service, events[5].env) = ("hellop", "roduction")
        #expect(Set(events.map { Event.commitDeployed($0).messageID }).count == events.count)
    }

    @Test func idsAreUUIDsOfVersion8() throws {
        for number in 0..<64 {
            var event = deployed
            event.env = "\(number)"
            let bits = try #require(Event.commitDeployed(event).messageID.bits)
            #expect(bits.high & 0xF000 == 0x8000)
            #expect(bits.low >> 62 == 0b10)
        }
    }
}
