import Foundation
import GatewayTestSupport
import Sluice
import SluiceTesting
import Testing

@testable import SluiceGateway

extension EndToEnd {
    /// From a webhook to both sinks.
    struct DeliveryTests {
        @Test func aPushGivesOneAnnotationAndOneMessageACommitWithTheirExactTexts() async throws {
            let (grafana, slack, directory) = (try FakeGrafana(), try FakeSlack(), try TemporaryDirectory())
            try await withGateway(in: directory, grafana: grafana, slack: slack) { gateway in
                let body = Array(handWrittenPush.utf8)
                #expect(try await gateway.client.gitHub(body, delivery: "one").status == 202)
                try await eventually("both commits in both sinks") {
                    grafana.annotations.count == 2 && slack.posts.count == 2
                }
                let first = "1111111111111111111111111111111111111111"
                let second = "2222222222222222222222222222222222222222"
                let annotations = grafana.annotations.sorted { $0.text < $1.text }
                #expect(
                    annotations == [
                        .init(
                            time: 1_767_323_045_678, timeEnd: 1_767_323_045_678,
                            tags: ["pushed", "octo/hello", Stub.tag(first)], text: "Commit \(first) pushed by ann"),
                        .init(
                            time: 1_767_323_046_000, timeEnd: 1_767_323_046_000,
                            tags: ["pushed", "octo/hello", Stub.tag(second)],
                            text: "Commit \(second) pushed by Bob <b@example.com>"),
                    ])
                #expect(
                    slack.texts == [
                        ":rocket: Commit `\(first)` *pushed* by ann: _Fix &lt;!channel&gt; &amp; friends_",
                        ":rocket: Commit `\(second)` *pushed* by Bob &lt;b@example.com&gt;: _Second_",
                    ])

                // The same delivery again; another delivery with the same commits on another branch; and a later
                // push, which shows that the sinks have seen all before it.
                #expect(try await gateway.client.gitHub(body, delivery: "one").status == 202)
                let other = handWrittenPush.replacing("refs/heads/main", with: "refs/heads/release")
                #expect(try await gateway.client.gitHub(Array(other.utf8), delivery: "two").status == 202)
                let last = StubCommit()
                #expect(try await gateway.client.push([last]).status == 202)
                try await eventually("the last commit in both sinks") {
                    grafana.pushes[last.id] == 1 && slack.pushes[last.id] == 1
                }
                #expect(grafana.annotations.count == 3)
                #expect(slack.posts.count == 3)
                #expect(gateway.log.contains("listening"))
            }
        }

        @Test(arguments: [Payload.madeUp, Payload.real].filter { !$0.isEmpty })
        func aPushGivesExactlyItsCommits(payloads: [Payload]) async throws {
            let (grafana, slack, directory) = (try FakeGrafana(), try FakeSlack(), try TemporaryDirectory())
            try await withGateway(in: directory, grafana: grafana, slack: slack) { gateway in
                let pushes = payloads.filter { $0.event == "push" }
                #expect(pushes.count >= 3)
                for push in pushes + pushes {
                    #expect(try await gateway.client.gitHub(push.body, delivery: push.file).status == 202)
                }
                var commits: [String: CommitPushed] = [:]
                for push in pushes {
                    guard case .events(let events) = try GitHubSource.read(Fixtures.webhook("push", push.body)) else {
                        continue
                    }
                    for case .commitPushed(let commit) in events {
                        commits["\(commit.repository ?? "")/\(commit.id)"] = commit
                    }
                }
                #expect(!commits.isEmpty)
                // Slack is given everything in order, Grafana each repository.
                let repositories = Set(commits.values.compactMap(\.repository))
                for repository in repositories {
                    let last = StubCommit()
                    #expect(try await gateway.client.push([last], repository: repository).status == 202)
                    try await eventually("the last commit in both sinks") {
                        grafana.pushes[last.id] == 1 && slack.pushes[last.id] == 1
                    }
                }
                for commit in commits.values {
                    let repository = try #require(commit.repository)
                    let annotation = FakeGrafana.Annotation(
                        time: commit.occurredOn.millisecondsSince1970, timeEnd: commit.occurredOn.millisecondsSince1970,
                        tags: ["pushed", repository, Stub.tag(commit.id, repository: repository)],
                        text: "Commit \(commit.id) pushed by \(commit.author)")
                    #expect(grafana.annotations.count { $0 == annotation } == 1, "\(annotation)")
                    let text = ":rocket: Commit `\(commit.id)` *pushed* by \(commit.author): "
                    #expect(slack.texts.contains { $0.hasPrefix(text) }, "\(text)")
                }
                #expect(grafana.annotations.count == commits.count + repositories.count)
                #expect(slack.posts.count == commits.count + repositories.count)
            }
        }

        /// As the sample application's script does: curl's content type, no header that names the event.
        @Test func theRootTakesAPushUnderCurlsOwnContentType() async throws {
            let (grafana, directory) = (try FakeGrafana(), try TemporaryDirectory())
            try await withGateway(in: directory, grafana: grafana) { gateway in
                let commit = StubCommit()
                let answer = try await gateway.client.send(
                    "POST", "/", type: "application/x-www-form-urlencoded", body: Stub.push([commit]))
                #expect(answer.status == 202, "\(answer.text)")
                try await eventually("the annotation") { grafana.pushes[commit.id] == 1 }
            }
        }

        @Test func messagesOfARepositoryArriveInOrder() async throws {
            let (slack, directory) = (try FakeSlack(), try TemporaryDirectory())
            try await withGateway(in: directory, slack: slack) { gateway in
                let commits = (0..<60).map { _ in StubCommit() }
                for start in stride(from: 0, to: 60, by: 6) {
                    #expect(try await gateway.client.push(Array(commits[start..<start + 6])).status == 202)
                }
                try await eventually("all messages") { slack.posts.count >= 60 }
                for (post, commit) in zip(slack.texts, commits) { #expect(post.contains(commit.id)) }
            }
        }
    }
}

/// Written by hand after GitHub's documentation: a zone, fractions of a second, a name without a user name, markup.
private let handWrittenPush = """
    {"ref": "refs/heads/main", "before": "0000000000000000000000000000000000000000",
     "after": "2222222222222222222222222222222222222222", "created": false, "deleted": false, "forced": false,
     "repository": {"id": 1, "name": "hello", "full_name": "octo/hello", "pushed_at": 1767323047},
     "pusher": {"name": "ann", "email": null},
     "commits": [
       {"id": "1111111111111111111111111111111111111111", "distinct": true,
        "message": "Fix <!channel> & friends\\n\\nA long story.", "timestamp": "2026-01-02T05:04:05.678+02:00",
        "url": "https://github.com/octo/hello/commit/1111111111111111111111111111111111111111",
        "author": {"name": "Ann", "email": "ann@example.com", "username": "ann"}, "added": [], "removed": []},
       {"id": "2222222222222222222222222222222222222222", "distinct": true, "message": "Second",
        "timestamp": "2026-01-02T03:04:06Z",
        "url": "https://github.com/octo/hello/commit/2222222222222222222222222222222222222222",
        "author": {"name": "Bob <b@example.com>", "email": "bob@example.com"}, "added": [], "removed": []}],
     "head_commit": {"id": "2222222222222222222222222222222222222222"}}
    """
