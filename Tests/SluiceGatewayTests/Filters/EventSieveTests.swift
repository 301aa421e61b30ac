import Sluice
import Testing

@testable import SluiceGateway

/// What is passed over without being read never matches.
struct EventSieveTests {
    private static let names = ["acme/web-shop", "acme/api", "octo/hello", "a\"b", "é/ü", "web"]

    private static var events: [Event] {
        let time = Timestamp(millisecondsSince1970: 1_767_323_045_678)
        return names.flatMap { name -> [Event] in
            let deployment = Deployment(
                id: "feed", env: "staging", occurredOn: time, service: name, repository: "acme/api")
            return [
                .commitPushed(
                    CommitPushed(
                        id: "feed", message: "Mend\n\nit", author: "ann", occurredOn: time, repository: name,
                        ref: "refs/heads/\(name)")),
                .commitDeployed(deployment), .deploymentFailed(deployment),
            ]
        }
    }

    private static var filters: [EventFilter] {
        let patterns = names + ["acme/*", "*", "*/api", "a*\"*", "é/*", "prod*", "stag*ing", "*web*"]
        return patterns.flatMap { text -> [EventFilter] in
            let pattern = [TextPattern(text)]
            return [
                EventFilter([.init(repository: pattern)]), EventFilter([.init(branch: pattern)]),
                EventFilter([.init(environment: pattern)]), EventFilter([.init(service: pattern)]),
                EventFilter([.init(event: [.commitDeployed], service: pattern), .init(repository: ["octo/*"])]),
            ]
        }
    }

    /// As this program writes events, and as others may.
    private static func messages(of event: Event) -> [Message] {
        let message = event.message()
        var (slashes, codes) = (message, message)
        slashes.payload = message.payload.flatMap { $0 == UInt8(ascii: "/") ? Array("\\/".utf8) : [$0] }
        codes.payload = message.payload.flatMap { $0 == UInt8(ascii: "w") ? Array("\\u0077".utf8) : [$0] }
        return [message, slashes, codes]
    }

    @Test func letsEverythingThroughThatMatches() throws {
        var passedOver = 0
        for filter in Self.filters {
            let sieve = EventSieve(filter)
            for event in Self.events {
                for message in Self.messages(of: event) {
                    let matches = filter.matches(try Event(message))
                    let mayMatch = sieve.mayMatch(message)
                    #expect(mayMatch || !matches, "\(filter) \(event)")
                    if !mayMatch { passedOver += 1 }
                }
            }
        }
        #expect(passedOver > 500)
    }

    @Test func passesOverWhatIsOfAnotherKindOrNamesNothingOfIt() {
        let push = Self.events[0].message()
        #expect(!EventSieve(EventFilter([.init(event: [.deploymentFailed])])).mayMatch(push))
        #expect(!EventSieve(EventFilter([.init(repository: ["acme/none"])])).mayMatch(push))
        #expect(EventSieve(EventFilter([.init(repository: ["acme/*"])])).mayMatch(push))
        // What names no kind is for those to say who read it.
        #expect(EventSieve(EventFilter([])).mayMatch(Message(text: "{}")))
    }
}
