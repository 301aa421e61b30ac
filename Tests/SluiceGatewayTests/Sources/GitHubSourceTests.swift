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
            ("push", #"{"commits":[{"id":5}]}"#), ("push", #"{"commits":["abcd"]}"#),
            ("push", #"{"commits":[null,7]}"#),
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

    /// A push of 2026-05-06T07:08:09Z, heard of a second later, with these commits and these members beside them.
    private func read(
        _ commits: String, _ more: String = #""repository":{"full_name":"octo/hello","pushed_at":1778051289}"#
    ) throws -> (events: [CommitPushed], repairs: [SourceRepair]) {
        var repairs: [SourceRepair] = []
        let outcome = try GitHubSource.read(
            Fixtures.webhook("push", "{\(more.isEmpty ? "" : more + ",")\"commits\":\(commits)}"),
            receivedAt: Timestamp(millisecondsSince1970: 1_778_051_290_000)
        ) { repairs.append($0) }
        guard case .events(let events) = outcome else { return ([], repairs) }
        return (
            events.compactMap { event in
                guard case .commitPushed(let push) = event else { return nil }
                return push
            }, repairs
        )
    }

    private let good = #"{"id":"feed1234","timestamp":"2026-05-06T07:00:00Z","message":"good"}"#

    @Test(arguments: [
        "\"2011-08-07T16:50:23+518:00\"", "\"0001-01-01T00:00:00Z\"", "\"1970-01-01T00:00:00Z\"", "0", "-1", "\"\"",
        "\"yesterday\"", "null", "true", "{}", "[1]", "\"9999-12-31T23:59:59Z\"", "\"2026-05-07T07:08:11Z\"",
        "1e300", "99999999999999999999", "\"1989-12-31T23:59:59Z\"", "\"2026-13-01T00:00:00Z\"",
        "\"2026-05-06 07:08:09\"",
    ])
    func aTimeThatIsNotBelievedIsThePushs(timestamp: String) throws {
        let (events, repairs) = try read(#"[{"id":"abcd1234","timestamp":\#(timestamp)},\#(good)]"#)
        #expect(events.map(\.id) == ["abcd1234", "feed1234"])
        #expect(events.first?.occurredOn.millisecondsSince1970 == 1_778_051_289_000)
        #expect(events.last?.occurredOn.millisecondsSince1970 == 1_778_050_800_000)
        #expect(repairs == [.commitTime])
    }

    @Test(
        arguments: [
            (#""repository":{"pushed_at":"2026-05-06T07:08:07Z"}"#, 1_778_051_287_000),
            (#""repository":{"pushed_at":null},"head_commit":{"timestamp":"2026-05-06T07:08:05Z"}"#, 1_778_051_285_000),
            (#""repository":{"pushed_at":9e99},"head_commit":{"timestamp":"0001-01-01T00:00:00Z"}"#, 1_778_051_290_000),
            (#""head_commit":null"#, 1_778_051_290_000), (#""head_commit":"x""#, 1_778_051_290_000),
            ("", 1_778_051_290_000),
        ] as [(String, Int64)])
    func thePushsOwnTimeIsTheBestThatItTells(more: String, time: Int64) throws {
        let (events, repairs) = try read(#"[{"id":"abcd1234","timestamp":"0001-01-01T00:00:00Z"}]"#, more)
        #expect(events.map(\.occurredOn.millisecondsSince1970) == [time])
        #expect(repairs == [.commitTime])
    }

    @Test(arguments: [#"{"id":"abcd1234","timestamp":"nonsense"}"#, #"{"id":"abcd1234"}"#])
    func aPushThatTellsNoTimeIsOfItsReceipt(commit: String) throws {
        let (events, repairs) = try read("[\(commit)]", "")
        #expect(events.map(\.occurredOn.millisecondsSince1970) == [1_778_051_290_000])
        #expect(repairs == [.commitTime])
    }

    @Test func believesTimesOfOtherZonesAndOldOnes() throws {
        for time in [
            "2026-05-06T21:00:00+14:00", "2026-05-07T07:00:00Z", "1991-02-20T00:00:00Z", "2020-02-29T23:59:60Z",
        ] {
            let (events, repairs) = try read(#"[{"id":"abcd1234","timestamp":"\#(time)"}]"#)
            #expect(events.count == 1 && (repairs.isEmpty || time.hasSuffix("60Z")), "\(time)")
        }
    }

    @Test(arguments: [
        "null", "7", "\"abcd1234\"", "[]", "{}", #"{"id":null}"#, #"{"id":7}"#, #"{"id":""}"#, #"{"id":"xyz"}"#,
        #"{"id":"abc"}"#, #"{"ID":"abcd1234"}"#,
    ])
    func anElementThatNamesNoCommitIsLeftOut(element: String) throws {
        for commits in ["[\(element),\(good)]", "[\(good),\(element)]"] {
            let (events, repairs) = try read(commits)
            #expect(events.map(\.id) == ["feed1234"])
            #expect(repairs == [.commit])
        }
        #expect(throws: SourceError.self) { try read("[\(element)]") }
    }

    @Test func aFieldOfAnotherTypeLosesNoCommit() throws {
        let odd = #"{"id":"abcd1234","timestamp":"2026-05-06T07:00:00Z","message":M,"author":A,"url":7,"added":null}"#
        for (message, author) in [("null", "null"), ("7", #"{"name":7,"username":[]}"#), ("{}", "[]"), ("[1]", "true")]
        {
            let commit = odd.replacing(":M", with: ":\(message)").replacing(":A", with: ":\(author)")
            let (events, repairs) = try read("[\(commit)]")
            #expect(events.first?.message == "" && events.first?.author == "unknown" && events.first?.url == nil)
            #expect(repairs.isEmpty)
        }
        #expect(try events("push", #"{"ref":7,"after":null,"commits":[{"id":"abcd1234","timestamp":0}]}"#).count == 1)
    }

    @Test func isAsLenientAsOtherReadersOfJSON() throws {
        let body =
            #"{"size":1e999,"commits":[{"id":"abcd1234","timestamp":1,"message":"a\ud83d","message":"b\ude80c"}]}"#
        let events = try events("push", "\u{FEFF}\(body) \r\n")
        guard case .commitPushed(let push)? = events.first else { return #expect(!events.isEmpty) }
        #expect(push.message == "b\u{FFFD}c")
        for body in [#"{"commits":null}"#, #"{"ref":"refs/heads/x","commits":null,"head_commit":null}"#] {
            #expect(try GitHubSource.read(Fixtures.webhook("push", body)) == .ignored("no_commits"))
        }
    }

    @Test func aDeploymentWithoutABelievableTimeHappenedWhenItWasHeardOf() throws {
        let receipt = Timestamp(millisecondsSince1970: 1_778_051_290_000)
        func time(_ updated: String, _ created: String) throws -> (Int64?, Int) {
            let body = Fixtures.deploymentStatus
                .replacing("\"2019-05-15T15:21:00Z\"", with: updated).replacing(
                    "\"2019-05-15T15:20:55Z\"", with: created)
            var repairs = 0
            let outcome = try GitHubSource.read(Fixtures.webhook("deployment_status", body), receivedAt: receipt) { _ in
                repairs += 1
            }
            guard case .events(let events) = outcome else { return (nil, repairs) }
            return (events.first?.occurredOn.millisecondsSince1970, repairs)
        }
        #expect(try time("null", "\"2026-05-06T07:00:00Z\"") == (1_778_050_800_000, 0))
        #expect(try time("\"9999-01-01T00:00:00Z\"", "\"2026-05-06T07:00:00Z\"") == (1_778_050_800_000, 0))
        #expect(try time("7", "\"soon\"") == (1_778_051_290_000, 1))
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
}
