import Sluice
import SluiceTesting
import Testing

@testable import SluiceGateway

struct FactMessageTests {
    private static let time = FactFixtures.time(1)

    private static let facts: [Fact] = [
        .push(FactFixtures.push(1...3, at: 1)),
        .push(
            PushFact(
                repository: "octo/größe", ref: nil, before: nil, after: "abcd", isForced: true, isLinked: false,
                isComplete: false, pushedAt: time,
                commits: [.init(id: "abcd", author: "a \"b\" \\", madeAt: nil, title: "")])),
        .push(
            PushFact(
                repository: "", ref: "refs/heads/x", before: "abcd", after: nil, pushedAt: time, commits: [])),
        .deployment(
            DeploymentFact(
                id: "7", service: "hello", environment: "production", commit: "abcd", finishedAt: time, succeeded: false
            )),
        .deployment(
            DeploymentFact(
                id: "7", service: "hello", environment: "production", commit: "abcd", startedAt: FactFixtures.time(0.5),
                finishedAt: time, succeeded: true, repository: "octo/hello", version: "1.2", description: "It is <new>",
                url: "https://ci.example.org/7")),
        .incident(IncidentFact(id: "i", service: "hello", openedAt: time, resolvedAt: nil)),
        .incident(IncidentFact(id: "i", service: "hello", openedAt: nil, resolvedAt: time)),
        .incident(IncidentFact(id: "i", service: "hello", openedAt: time, resolvedAt: FactFixtures.time(2))),
    ]

    @Test func everyFactComesBackFromItsMessage() throws {
        for fact in Self.facts {
            let message = fact.message()
            #expect(try Fact(message) == fact)
            #expect(message.metadata[Fact.typeKey] == fact.kind.rawValue)
            #expect(message.metadata[Event.repositoryKey]?.isEmpty == false)
        }
        #expect(Set(Self.facts.map(\.messageID)).count == Self.facts.count)
    }

    @Test func whatIsToldTwiceHasTheSameId() {
        let push = FactFixtures.push(1...3, at: 1)
        var again = push
        again.pushedAt = FactFixtures.time(9)
        #expect(Fact.push(push).messageID == Fact.push(again).messageID)
        again.before = FactFixtures.commit(77)
        #expect(Fact.push(push).messageID != Fact.push(again).messageID)
        // What tells neither end is its commits.
        func unlinked(_ numbers: ClosedRange<Int>) -> Fact {
            var push = FactFixtures.push(numbers, at: 1)
            (push.before, push.after, push.isLinked) = (nil, nil, false)
            return .push(push)
        }
        #expect(unlinked(1...2).messageID == unlinked(1...2).messageID)
        #expect(unlinked(1...2).messageID != unlinked(1...3).messageID)
    }

    /// The limit in count, and the limit in bytes.
    @Test(arguments: [(5_000, 10), (2_048, 255), (2_048, 40)])
    func aPushBeyondWhatAMessageHoldsKeepsItsNewestCommitsAndSaysSo(_ count: Int, _ title: Int) throws {
        var push = FactFixtures.push(1...count, at: 1)
        for index in push.commits.indices {
            push.commits[index].title = String(repeating: "\"", count: title)
            push.commits[index].author = String(repeating: "\\", count: title)
        }
        let message = Fact.push(push).message()
        #expect(message.payload.count <= Fact.maximumBytes)
        guard case .push(let kept) = try Fact(message) else { return #expect(Bool(false)) }
        #expect(kept.commits.count <= PushFact.maximumCommits && kept.commits.count > 500)
        #expect(kept.commits == Array(push.commits.suffix(kept.commits.count)))
        #expect(kept.isComplete == (kept.commits.count == count))
        #expect(kept.isComplete == (title == 40))
        #expect(kept.before == push.before && kept.after == push.after)
    }

    @Test func aMessageWithMoreCommitsThanThatIsNotComplete() throws {
        let commits = (1...2_049).map { #"{"id":"\#(FactFixtures.commit($0))"}"# }.joined(separator: ",")
        var message = Message(payload: Array(#"{"pushed_at":1767225600,"commits":[\#(commits)]}"#.utf8))
        message.metadata[Fact.typeKey] = "push"
        guard case .push(let push) = try Fact(message) else { return #expect(Bool(false)) }
        #expect(push.commits.count == 2_048 && !push.isComplete)
    }

    @Test(arguments: [
        (nil, "{}"), ("", "{}"), ("merge", "{}"), ("push", "{"), ("push", "[]"), ("push", "{}"), ("push", ""),
        ("push", #"{"pushed_at":"soon"}"#), ("deployment", "{}"), ("incident", "{}"),
        (
            "deployment",
            #"{"id":"","service":"s","environment":"e","commit":"abcd","finished_at":1,"result":"success"}"#
        ),
        ("deployment", #"{"id":"1","service":"s","environment":"e","commit":"x","finished_at":1,"result":"success"}"#),
        ("deployment", #"{"id":"1","service":"s","environment":"e","commit":"abcd","finished_at":1,"result":"maybe"}"#),
        ("deployment", #"{"id":"1","service":"s","environment":"e","commit":"abcd","result":"success"}"#),
        ("incident", #"{"id":"1","service":"s"}"#), ("incident", #"{"id":"1","opened_at":1}"#),
    ])
    func whatHoldsNoFactIsRefused(_ type: String?, _ payload: String) throws {
        var message = Message(payload: Array(payload.utf8))
        message.metadata[Fact.typeKey] = type
        let error = #expect(throws: SourceError.self) { try Fact(message) }
        #expect(try #require(error).disposition.isPermanent)
    }

    @Test func noBytesMakeItTrap() {
        var random = SeededGenerator(seed: 17)
        for _ in 0..<20_000 {
            guard let fact = Self.facts.randomElement(using: &random) else { return }
            var message = fact.message()
            for _ in 0..<Int.random(in: 1...4, using: &random) where !message.payload.isEmpty {
                let index = message.payload.indices.randomElement(using: &random) ?? 0
                if Bool.random(using: &random) {
                    message.payload[index] = .random(in: .min ... .max, using: &random)
                } else {
                    message.payload.removeSubrange(index...)
                }
            }
            guard let read = try? Fact(message) else { continue }
            let again = try? Fact(read.message())
            #expect(again == read)
        }
    }
}
