import Sluice

/// What a template can say of an event.
struct TemplateField: Sendable {
    enum Kind: Sendable {
        /// A text; it belongs between quotes in JSON.
        case text
        /// A whole number, which needs none.
        case number
        /// Whether the event is of a kind: true or false.
        case flag
    }

    enum Value: Sendable {
        case text(String)
        case number(Int64)
        case flag(Bool)
    }

    /// Its names; the first one is what the documentation calls it.
    let names: [String]
    let kind: Kind
    /// One sentence without the point at its end.
    let meaning: String
    /// Nil and the empty text where the event has none.
    let value: @Sendable (SinkDelivery) -> Value?

    private init(
        _ names: String..., kind: Kind, _ meaning: String, value: @escaping @Sendable (SinkDelivery) -> Value?
    ) {
        self.names = names
        self.kind = kind
        self.meaning = meaning
        self.value = value
    }

    private static func text(
        _ names: String, alias: String? = nil, _ meaning: String, _ value: @escaping @Sendable (SinkDelivery) -> String?
    ) -> TemplateField {
        let read: @Sendable (SinkDelivery) -> Value? = { value($0).map(Value.text) }
        guard let alias else { return TemplateField(names, kind: .text, meaning, value: read) }
        return TemplateField(names, alias, kind: .text, meaning, value: read)
    }

    private static func flag(_ kind: Event.Kind, _ meaning: String) -> TemplateField {
        TemplateField(kind.rawValue, kind: .flag, meaning) { .flag($0.event.kind == kind) }
    }

    static let all: [TemplateField] = [
        text("kind", "`commitPushed`, `commitDeployed`, `deploymentFailed`, `incidentOpened` or `incidentResolved`") {
            $0.event.kind.rawValue
        },
        flag(.commitPushed, "Whether a commit was pushed; as a section, what is written only then"),
        flag(.commitDeployed, "The same for a commit that went live"),
        flag(.deploymentFailed, "The same for one that should have gone live, and did not"),
        flag(.incidentOpened, "The same for an incident of a service"),
        flag(.incidentResolved, "The same for an incident that is over"),
        text("eventId", "Identifies the event: the same in every attempt, and for the same event told twice") {
            $0.id.description
        },
        text("text", "The event as one line: `Commit 6113728 pushed to acme/shop (main) by ann: Fix the leak`") {
            EventLine.text(of: $0.event)
        },
        text("id", "The commit's hash; of an incident its id") { $0.event.incident?.id ?? $0.event.commit },
        text("shortId", "Its first seven digits") { EventLine.shortened($0.event.commit) },
        text("repository", "`owner/name`") { $0.event.repository },
        text("message", "All of the commit's message; pushes alone") { $0.push?.message },
        text("title", "Its first line; pushes alone") { $0.push?.message.firstLine },
        text("author", "Who made the commit; pushes alone") { $0.push?.author },
        text("ref", "Where it was pushed to, such as `refs/heads/main`; pushes alone") { $0.push?.ref },
        text("branch", "The same without `refs/heads/`; pushes alone") { $0.push?.ref.map(EventLine.branch) },
        text("url", "Where to look at the commit; pushes alone") { $0.push?.url },
        text("environment", alias: "env", "Where it was deployed; deployments alone") { $0.deployment?.env },
        text("service", "What was deployed, or has the incident; pushes have none") { $0.event.service },
        text("time", alias: "occurred_on", "When it happened, as RFC 3339 in UTC: `2026-01-02T03:04:05.678Z`") {
            RFC3339.format($0.event.occurredOn)
        },
        TemplateField("unixMs", kind: .number, "The same in milliseconds since 1970") {
            .number($0.event.occurredOn.millisecondsSince1970)
        },
        TemplateField("unix", kind: .number, "The same in whole seconds since 1970") {
            .number($0.event.occurredOn.millisecondsSince1970 / 1_000)
        },
    ]

    private static let byName = Dictionary(
        uniqueKeysWithValues: all.flatMap { field in field.names.map { ($0, field) } })

    static func named(_ name: String) -> TemplateField? { byName[name] }
}

extension SinkDelivery {
    fileprivate var push: CommitPushed? {
        if case .commitPushed(let push) = event { push } else { nil }
    }

    fileprivate var deployment: Deployment? {
        switch event {
        case .commitPushed, .incidentOpened, .incidentResolved: nil
        case .commitDeployed(let deployment), .deploymentFailed(let deployment): deployment
        }
    }
}
