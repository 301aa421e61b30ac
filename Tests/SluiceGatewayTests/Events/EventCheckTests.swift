import Sluice
import Testing

@testable import SluiceGateway

/// What is taken in must be what sinks can read: the fields of events are looked at where their sender can be told.
struct EventCheckTests {
    private static let time = Timestamp(millisecondsSince1970: 1_767_323_045_000)
    private static let long = String(repeating: "a", count: 70_000)

    private static func push(_ change: (inout CommitPushed) -> Void) -> Event {
        var push = CommitPushed(
            id: "9fceb02d", message: "m", author: "a", occurredOn: time, repository: "octo/hello",
            ref: "refs/heads/main", url: "https://example.org/c")
        change(&push)
        return .commitPushed(push)
    }

    private static func deployments(_ change: (inout Deployment) -> Void) -> [Event] {
        var deployment = Deployment(
            id: "9fceb02d", env: "staging", occurredOn: time, service: "shop", repository: "octo/hello")
        change(&deployment)
        return [.commitDeployed(deployment), .deploymentFailed(deployment)]
    }

    private static let wrong: [(field: String, event: Event)] =
        ["", "zz", "abc", "9fceb02d 1", long].map { text in ("id", push { $0.id = text }) }
        + ["a\nb", long, "\u{202E}x"].map { text in ("repository", push { $0.repository = text }) }
        + ["a\nb", long].map { text in ("ref", push { $0.ref = text }) }
        + ["ftp://x", "x", "https://a b", "https://" + long].map { text in ("url", push { $0.url = text }) }
        + [Int64.min, .max, RFC3339.range.upperBound + 1].map { time in
            ("occurred_on", push { $0.occurredOn = Timestamp(millisecondsSince1970: time) })
        }
        + ["", "zz"].flatMap { text in deployments { $0.id = text }.map { ("id", $0) } }
        + ["", "a\nb", long].flatMap { text in deployments { $0.env = text }.map { ("env", $0) } }
        + ["a\nb", long].flatMap { text in deployments { $0.service = text }.map { ("service", $0) } }
        + ["a\nb", long].flatMap { text in deployments { $0.repository = text }.map { ("repository", $0) } }
        + deployments { $0.occurredOn = Timestamp(millisecondsSince1970: .max) }.map { ("occurred_on", $0) }

    @Test func aFieldThatHasWhatItCannotHaveIsNamed() throws {
        for (field, event) in Self.wrong {
            let error = #expect(throws: SourceError.self) { try event.checked() }
            #expect(error?.description.hasPrefix("the event's \(field) is not ") == true, "\(field): \(error as Any)")
            #expect((error?.description.utf8.count ?? 0) < 200)
        }
    }

    /// As a handler of one's own may write them: what cannot be written at all, such as a year, is none of these.
    @Test func aMessageWithSuchAFieldIsRefusedToo() {
        for (field, event) in Self.wrong where field != "occurred_on" {
            let error = #expect(throws: (any Error).self) { try Event.check(event.message()) }
            #expect("\(error as Any)".contains(field) || "\(error as Any)".contains("metadata"), "\(field)")
        }
        let event = Self.push { _ in }
        var message = event.message()
        message.metadata[Event.typeKey] = nil
        #expect(throws: SourceError.self) { try Event.check(message) }
        message.metadata[Event.typeKey] = "another"
        #expect(throws: SourceError.self) { try Event.check(message) }
        message = event.message()
        message.payload = [1]
        #expect(throws: SourceError.self) { try Event.check(message) }
        message = event.message()
        for number in 0..<300 { message.metadata["\(number)"] = "x" }
        #expect(throws: SourceError.self) { try Event.check(message) }
    }

    @Test func whatIsTakenInIsReadAsItWasWritten() throws {
        let events =
            [
                Self.push { $0.id = "9FCEB02D" }, Self.push { $0.author = "a\nb" + Self.long },
                Self.push { $0.message = Self.long }, Self.push { $0.author = "" }, Self.push { $0.repository = "" },
                Self.push { push in
                    push.repository = nil
                    push.ref = nil
                    push.url = nil
                },
            ] + Self.deployments { $0.service = nil } + Self.deployments { $0.id = "ABCD" }
        for event in events {
            let checked = try event.checked()
            try Event.check(checked.message())
            #expect(try Event(checked.message()) == checked)
            #expect(try checked.checked() == checked)
        }
        // The same commit has one id, however its source writes it.
        #expect(try Self.push { $0.id = "9FCEB02D" }.checked().message().id == Self.push { _ in }.message().id)
    }
}
