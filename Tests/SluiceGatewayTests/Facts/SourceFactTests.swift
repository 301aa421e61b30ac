import Sluice
import Testing

@testable import SluiceGateway

/// What is kept of webhooks and of deploy tools' messages beside their events.
struct SourceFactTests {
    private static let receipt = Timestamp(millisecondsSince1970: 1_772_500_000_000)
    private static let (old, one, two) = (
        "9400f1b21cb527d7fa3d3eabba93557a18ebe7a2", "1f0e3dad99908345f7439f8ffabdffc4a1b2c3d4",
        "2c624232cdd221771294dfbb310aca000a0df6ac"
    )

    private func reading(_ file: String) throws -> (outcome: SourceOutcome, fact: Fact?) {
        let payload = try #require(Payload.madeUp.first { $0.file == file })
        return try GitHubSource.reading(Fixtures.webhook(payload.event, payload.body), receivedAt: Self.receipt)
    }

    private func push(_ file: String) throws -> PushFact {
        guard case .push(let push) = try reading(file).fact else { throw SourceError("\(file) gives no push") }
        return push
    }

    private func deployment(_ file: String) throws -> DeploymentFact {
        guard case .deployment(let fact) = try reading(file).fact else { throw SourceError("\(file) gives none") }
        return fact
    }

    @Test func aPushSaysWhereItsBranchWentAndWithWhat() throws {
        let push = try push("push/commits.json")
        #expect(push.ref == "refs/heads/main" && push.before == Self.old && push.after == Self.two)
        #expect(push.isLinked && push.isComplete && !push.isForced)
        #expect(push.pushedAt == Timestamp(millisecondsSince1970: 1_772_442_245_000))
        #expect(push.commits.count == 2)
        #expect(
            push.commits.first
                == PushFact.Commit(
                    id: Self.one, author: "ada", madeAt: RFC3339.parse("2026-03-02T09:04:05Z"), title: "Oil the wheel"))
        #expect(try self.push("push/forced.json").isForced)
    }

    @Test func whatGivesNoEventIsAFactAllTheSame() throws {
        let new = try push("push/new-branch-without-commits.json")
        #expect(try reading("push/new-branch-without-commits.json").outcome == .ignored("no_commits"))
        #expect(new.before == nil && new.after == Self.one && new.isLinked && new.commits.isEmpty)
        let deleted = try push("push/deleted-branch.json")
        #expect(try reading("push/deleted-branch.json").outcome == .ignored("ref_deleted"))
        #expect(deleted.before == Self.one && deleted.after == nil && deleted.isLinked)
        // A tag is no branch that goes on.
        let tag = try push("push/new-tag.json")
        #expect(tag.ref == "refs/tags/v1.2.0" && !tag.isLinked)
    }

    @Test(arguments: [
        #"{"commits":[{"id":"abcd"}]}"#, #"{"commits":[{"id":"abcd"}],"before":"abcd"}"#,
        #"{"commits":[{"id":"abcd"}],"before":7,"after":"abcd"}"#,
        #"{"commits":[{"id":"abcd"}],"before":"x","after":"abcd"}"#,
    ])
    func aPushThatDoesNotSayFromWhereToWhereIsNoLink(_ body: String) throws {
        guard
            case .push(let push) = try GitHubSource.reading(Fixtures.webhook("push", body), receivedAt: Self.receipt)
                .fact
        else { throw SourceError("no push") }
        #expect(!push.isLinked && push.commits.map(\.id) == ["abcd"])
        #expect(push.pushedAt == Self.receipt)
    }

    /// GitHub lists 2,048 and does not say whether there are more; and an element without a hash is a commit that is missing.
    @Test func aListThatMayNotBeWholeSaysSo() throws {
        func isComplete(_ ids: [String]) throws -> Bool {
            let commits = ids.map { #"{"id":"\#($0)"}"# }.joined(separator: ",")
            let body = #"{"before":"\#(Self.old)","after":"\#(Self.two)","commits":[\#(commits)]}"#
            guard
                case .push(let push) = try GitHubSource.reading(
                    Fixtures.webhook("push", body), receivedAt: Self.receipt
                ).fact
            else { throw SourceError("no push") }
            return push.isComplete
        }
        #expect(try isComplete((1...2_047).map(FactFixtures.commit)))
        #expect(try !isComplete((1...2_048).map(FactFixtures.commit)))
        #expect(try !isComplete([Self.one, "none"]))
    }

    @Test func aTimeThatIsNotBelievedIsNotKept() throws {
        let body =
            #"{"before":"\#(Self.old)","after":"\#(Self.two)","commits":[{"id":"abcd","timestamp":"9999-01-01T00:00:00Z"}]}"#
        guard
            case .push(let push) = try GitHubSource.reading(Fixtures.webhook("push", body), receivedAt: Self.receipt)
                .fact
        else { throw SourceError("no push") }
        #expect(push.commits.first?.madeAt == nil)
    }

    @Test(arguments: Payload.real)
    func everyRealPushIsAFact(_ payload: Payload) throws {
        let (outcome, fact) = try GitHubSource.reading(
            Fixtures.webhook(payload.event, payload.body), receivedAt: Timestamp.now())
        switch outcome {
        case .events: #expect(fact != nil)
        case .ignored where payload.event == "push": #expect(fact != nil)
        default: #expect(fact == nil || payload.event == "push")
        }
        if let fact { #expect(try Fact(fact.message()) == fact) }
    }

    @Test func aStatusSaysWhatTheDeploymentIsCalledAndWhenItBegan() throws {
        let fact = try deployment("deployment_status/success.json")
        #expect(fact.id == "6" && fact.service == "water-mill" && fact.environment == "production")
        #expect(fact.commit == Self.one && fact.repository == "octo-labs/water-mill" && fact.succeeded)
        #expect(fact.startedAt == RFC3339.parse("2026-03-02T11:00:00Z"))
        #expect(fact.finishedAt == RFC3339.parse("2026-03-02T11:03:20Z"))
        #expect(fact.description == nil && fact.url == nil)
        #expect(try !deployment("deployment_status/failure.json").succeeded)
        #expect(try reading("deployment_status/pending.json").fact == nil)
    }

    private func deployed(_ more: String) throws -> (event: Event, fact: DeploymentFact) {
        let body = #"{"commit_id":"ABCD","env":"e","timestamp":1772442245,"service":"s"\#(more)}"#
        let (event, fact) = try DeploymentsSource.reading(Message(payload: Array(body.utf8)))
        guard case .deployment(let deployment) = fact else { throw SourceError("no deployment") }
        return (event, deployment)
    }

    @Test func aDeployToolMayTellMore() throws {
        let fact = try deployed(
            #","id":42,"started":1772442200,"version":"v2","description":"two\nlines","url":"https://ci/42""#
        ).fact
        #expect(fact.id == "42" && fact.version == "v2" && fact.description == "two" && fact.url == "https://ci/42")
        #expect(fact.startedAt == Timestamp(millisecondsSince1970: 1_772_442_200_000))
        #expect(fact.commit == "abcd")
    }

    /// Such members meant nothing before: a tool that sends them goes on.
    @Test(arguments: [
        #","id":[1],"started":"soon","version":7,"description":{},"url":"javascript:x""#,
        #","id":"","started":1772442246,"version":"","description":"","url":null"#, #","id":1.5"#,
    ])
    func whatCannotBeKeptOfItIsLeftOut(_ more: String) throws {
        let (event, fact) = try deployed(more)
        #expect(fact.id == event.messageID.description)
        #expect(fact.startedAt == nil && fact.version == nil && fact.description == nil && fact.url == nil)
    }

    @Test func factsAndEventsOfAMessageKnowEachOther() throws {
        let (event, fact) = try deployed(#","id":42"#)
        let message = Fact.deployment(fact).message(of: [event])
        #expect(message.metadata[Fact.eventKey] == event.messageID.description)
    }
}
