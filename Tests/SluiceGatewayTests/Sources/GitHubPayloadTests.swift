import Sluice
import SluiceGateway
import Testing

/// What becomes of whole webhooks: of those made up for the tests always, and of real ones where there are any.
struct GitHubPayloadTests {
    private static let wheel = "1f0e3dad99908345f7439f8ffabdffc4a1b2c3d4"
    private static let gate = "2c624232cdd221771294dfbb310aca000a0df6ac"

    private static func oil(_ ref: String, _ repository: String = "octo-labs/water-mill") -> Event {
        .commitPushed(
            CommitPushed(
                id: wheel, message: "Oil the wheel\n\nIt squeaked \"loudly\": é🚀 <b>&amp;</b>", author: "ada",
                occurredOn: Timestamp(millisecondsSince1970: 1_772_442_245_000), repository: repository, ref: ref,
                url: "https://git.example.com/octo-labs/water-mill/commit/\(wheel)"))
    }

    private static let weld = Event.commitPushed(
        CommitPushed(
            id: gate, message: "Weld the gate", author: "Bob Builder",
            occurredOn: Timestamp(millisecondsSince1970: 1_772_442_305_000), repository: "octo-labs/water-mill",
            ref: "refs/heads/main", url: "https://git.example.com/octo-labs/water-mill/commit/\(gate)"))

    private static let deployment = Deployment(
        id: wheel, env: "production", occurredOn: Timestamp(millisecondsSince1970: 1_772_449_400_000),
        service: "water-mill", repository: "octo-labs/water-mill")

    private static let outcomes: [String: SourceOutcome] = [
        "push/commits.json": .events([oil("refs/heads/main"), weld]),
        "push/new-branch.json": .events([oil("refs/heads/wheel")]),
        "push/forced.json": .events([weld]),
        "push/of-a-user.json": .events([oil("refs/heads/main", "ada/water-mill")]),
        "push/new-branch-without-commits.json": .ignored("no_commits"),
        "push/deleted-branch.json": .ignored("ref_deleted"),
        "push/deleted-tag.json": .ignored("ref_deleted"),
        "push/new-tag.json": .ignored("tag"),
        "ping/repository.json": .ping,
        "ping/organization.json": .ping,
        "deployment_status/success.json": .events([.commitDeployed(deployment)]),
        "deployment_status/failure.json": .events([.deploymentFailed(deployment)]),
        "deployment_status/error.json": .events([.deploymentFailed(deployment)]),
        "deployment_status/pending.json": .ignored("deployment_state"),
        "deployment_status/in_progress.json": .ignored("deployment_state"),
        "deployment_status/queued.json": .ignored("deployment_state"),
        "deployment_status/waiting.json": .ignored("deployment_state"),
        "deployment_status/inactive.json": .ignored("deployment_state"),
        "deployment/created.json": .ignored("event_not_used"),
        "pull_request/opened.json": .ignored("event_not_used"),
        "pull_request/merged.json": .ignored("event_not_used"),
        "create/branch.json": .ignored("event_not_used"),
        "delete/branch.json": .ignored("event_not_used"),
        "release/published.json": .ignored("event_not_used"),
        "workflow_run/completed.json": .ignored("event_not_used"),
        "star/created.json": .ignored("event_not_used"),
    ]

    @Test func everyMadeUpPayloadHasAnOutcome() {
        #expect(Set(Payload.madeUp.map(\.file)) == Set(Self.outcomes.keys))
    }

    @Test(arguments: Payload.madeUp)
    func givesTheSensibleOutcome(payload: Payload) throws {
        let expected = try #require(Self.outcomes[payload.file])
        #expect(try GitHubSource.read(Fixtures.webhook(payload.event, payload.body)) == expected)
        #expect(try GitHubSource.read(Fixtures.webhook(payload.event, payload.form)) == expected)
    }

    @Test(arguments: Payload.real)
    func givesTheSensibleOutcomeForEveryRealPayload(payload: Payload) throws {
        let commit = Fixtures.commit
        let outcome = try GitHubSource.read(Fixtures.webhook(payload.event, payload.body))
        switch payload.file {
        case "push/with-new-branch.payload.json":
            let pushed = CommitPushed(
                id: commit, message: "Initial commit", author: "Codertocat",
                occurredOn: Timestamp(millisecondsSince1970: 1_557_933_565_000), repository: "Codertocat/Hello-World",
                ref: "refs/heads/master", url: "https://github.com/Codertocat/Hello-World/commit/\(commit)")
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
        #expect(try GitHubSource.read(Fixtures.webhook(payload.event, payload.form)) == outcome)
    }
}
