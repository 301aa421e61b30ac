import Sluice
import SluiceGateway
import Testing

struct GitHubSourceTests {
    private func events(_ event: String?, _ body: String) throws -> [Event] {
        guard case .events(let events) = try GitHubSource.read(Fixtures.webhook(event, body)) else { return [] }
        return events
    }

    private let pushed: [Event] = [
        .commitPushed(
            CommitPushed(
                id: Fixtures.commit, message: "Fix <the> leak\n\nIt was \"small\" é🚀.", author: "ann",
                occurredOn: Timestamp(millisecondsSince1970: 1_557_933_565_250), repository: "octo/hello",
                ref: "refs/heads/main", url: "https://github.com/octo/hello/commit/1")),
        .commitPushed(
            CommitPushed(
                id: "feed000000000000000000000000000000000000", message: "Zweiter, größer", author: "Ann Onym",
                occurredOn: Timestamp(millisecondsSince1970: 1_557_933_600_000), repository: "octo/hello",
                ref: "refs/heads/main", url: "https://github.com/octo/hello/commit/2")),
    ]

    @Test func makesEachCommitOfAPushAnEventInOrder() throws {
        #expect(try events("push", Fixtures.push) == pushed)
    }

    @Test func readsAFormLikeTheJSONInIt() throws {
        let encoded = Fixtures.push.utf8.map { byte in
            byte == 0x20 ? "+" : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
        #expect(try events("push", "payload=\(encoded)&x=1") == pushed)
        #expect(throws: SourceError.self) { try events("push", "payload=%7") }
    }

    @Test func takesTheSampleApplicationsScriptForAPush() throws {
        let events = try events(nil, Fixtures.stub)
        #expect(
            events == [
                .commitPushed(
                    CommitPushed(
                        id: Fixtures.commit, message: "This is an example commit message", author: "John Doe",
                        occurredOn: Timestamp(millisecondsSince1970: 1_767_323_045_000)))
            ])
    }

    @Test(arguments: [
        (#"{"ref":"refs/heads/x","deleted":true,"commits":[],"head_commit":null}"#, "ref_deleted"),
        (#"{"ref":"refs/tags/v1","deleted":false,"commits":[]}"#, "tag"),
        (#"{"ref":"refs/tags/v1","commits":[{"id":"abcd","timestamp":"2026-01-02T04:04:05Z"}]}"#, "tag"),
        (#"{"ref":"refs/heads/x","deleted":null,"commits":[]}"#, "no_commits"),
    ])
    func makesNothingOfAPushWithoutCommits(body: String, reason: String) throws {
        #expect(try GitHubSource.read(Fixtures.webhook("push", body)) == .ignored(reason))
    }

    @Test func makesASuccessfulDeploymentAnEvent() throws {
        let deployed = Deployment(
            id: Fixtures.commit, env: "production", occurredOn: Timestamp(millisecondsSince1970: 1_557_933_660_000),
            service: "hello", repository: "octo/hello")
        #expect(try events("deployment_status", Fixtures.deploymentStatus) == [.commitDeployed(deployed)])
    }

    @Test(arguments: ["failure", "error"])
    func makesAFailedDeploymentAnEventOfItsOwn(state: String) throws {
        let body = Fixtures.deploymentStatus.replacing("\"success\"", with: "\"\(state)\"")
        let failed = Deployment(
            id: Fixtures.commit, env: "production", occurredOn: Timestamp(millisecondsSince1970: 1_557_933_660_000),
            service: "hello", repository: "octo/hello")
        #expect(try events("deployment_status", body) == [.deploymentFailed(failed)])
    }

    @Test(arguments: ["pending", "in_progress", "waiting", "queued", "inactive", "new_state"])
    func ignoresEveryOtherStateOfADeployment(state: String) throws {
        let body = Fixtures.deploymentStatus.replacing("\"success\"", with: "\"\(state)\"")
        #expect(try GitHubSource.read(Fixtures.webhook("deployment_status", body)) == .ignored("deployment_state"))
    }

    @Test func acceptsAPingAndIgnoresWhatItDoesNotKnow() throws {
        #expect(try GitHubSource.read(Fixtures.webhook("ping", #"{"zen":"x","hook_id":1}"#)) == .ping)
        #expect(try GitHubSource.read(Fixtures.webhook("star", "{}")) == .ignored("event_not_used"))
    }

    @Test(
        arguments: [
            ("push", ""), ("push", "{"), ("push", "[]"), ("push", "null"), ("push", "{}"), ("push", #"{"commits":{}}"#),
            ("push", #"{"commits":[{}]}"#), ("push", #"{"commits":[{"id":"","timestamp":"2026-01-02T04:04:05Z"}]}"#),
            ("push", #"{"commits":[{"id":"abcd","timestamp":"secret"}]}"#), ("push", #"{"commits":[{"id":5}]}"#),
            ("push", #"{"commits":[{"id":"abcd"}]}"#), ("push", #"{"commits":["abcd"]}"#),
            ("push", #"{"repository":"secret","commits":[]}"#), ("push", "{}secret"),
            (
                "push",
                #"{"repository":{"full_name":"sec\nret"},"commits":[{"id":"abcd","timestamp":"2026-01-02T04:04:05Z"}]}"#
            ),
            ("deployment_status", "{}"), ("deployment_status", #"{"deployment_status":{"state":"success"}}"#),
            ("ping", "secret"), ("star", "{]"), (nil, "{}"), (nil, #"{"zen":"secret"}"#), ("", "secret"),
        ] as [(String?, String)])
    func refusesMalformedBodiesInOneLineWithoutTheirText(event: String?, body: String) throws {
        let error = #expect(throws: SourceError.self) { try GitHubSource.read(Fixtures.webhook(event, body)) }
        let text = try #require(error).description
        #expect(!text.isEmpty && !text.contains("\n") && !text.contains("secret"))
        #expect(try #require(error).disposition == .poison(text))
    }

    @Test func losesNoCommitOverAnOddAuthorOrLink() throws {
        let odd = #"{"id":"abcd","timestamp":"2026-01-02T04:04:05Z","author":A,"url":U}"#
        for (author, url, expected) in [
            ("null", "null", "unknown"), ("{}", "\"javascript:alert(1)\"", "unknown"),
            ("\"x\"", "\"https://a b\"", "unknown"),
            (#"{"name":"a\u001b[2Jb","username":""}"#, "\"ftp://x\"", "a\u{FFFD}[2Jb"),
        ] {
            let commit = odd.replacing(":A", with: ":\(author)").replacing(":U", with: ":\(url)")
            guard case .commitPushed(let event)? = try events("push", "{\"commits\":[\(commit)]}").first else {
                Issue.record("no event for \(author)")
                continue
            }
            #expect(event.author == expected)
            #expect(event.url == nil)
        }
    }

    @Test(.enabled(if: Fixtures.payloads != nil, "SLUICE_PAYLOADS is not set"), arguments: Fixtures.gitHubFiles)
    func givesTheSensibleOutcomeForEveryRealPayload(file: String) throws {
        let event = String(file.prefix { $0 != "/" })
        let outcome = try GitHubSource.read(Fixtures.webhook(event, Fixtures.payload("github/\(file)")))
        switch file {
        case "push/with-new-branch.payload.json":
            let pushed = CommitPushed(
                id: Fixtures.commit, message: "Initial commit", author: "Codertocat",
                occurredOn: Timestamp(millisecondsSince1970: 1_557_933_565_000), repository: "Codertocat/Hello-World",
                ref: "refs/heads/master", url: "https://github.com/Codertocat/Hello-World/commit/\(Fixtures.commit)")
            #expect(outcome == .events([.commitPushed(pushed)]))
        case "push/payload.json", "push/with-organization.payload.json": #expect(outcome == .ignored("ref_deleted"))
        case "deployment_status/payload.json":
            let deployed = Deployment(
                id: "f95f852bd8fca8fcc58a9a2d6c842781e32a215e", env: "production",
                occurredOn: Timestamp(millisecondsSince1970: 1_557_933_655_000), service: "Hello-World",
                repository: "Codertocat/Hello-World")
            #expect(outcome == .events([.commitDeployed(deployed)]))
        case "ping/payload.json": #expect(outcome == .ping)
        default: #expect(outcome == .ignored("event_not_used"))
        }
    }
}
