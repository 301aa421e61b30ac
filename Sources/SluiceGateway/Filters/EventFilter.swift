/// Which events a sink gets: those that at least one of its entries matches.
///
/// ```swift
/// var sink = ConfiguredSink("web-channel", SlackSink(webhook: webhook))
/// sink.only = EventFilter([
///     .init(event: [.commitPushed], repository: ["acme/web-*"], branch: ["main"]),
///     .init(event: [.deploymentFailed], service: ["web-*"]),
/// ])
/// ```
public struct EventFilter: Sendable, Hashable {
    /// What an event has to be: everything that is set. A field that the event does not have matches nothing.
    public struct Entry: Sendable, Hashable {
        /// One of these kinds. Default nil: any but incidents, which have to be named.
        public var event: Set<Event.Kind>?
        /// `owner/name`. Default nil: any, and none.
        public var repository: [TextPattern]?
        /// The branch that a commit was pushed to, without `refs/heads/`.
        public var branch: [TextPattern]?
        /// Where something was deployed to.
        public var environment: [TextPattern]?
        /// What was deployed.
        public var service: [TextPattern]?

        public init(
            event: Set<Event.Kind>? = nil, repository: [TextPattern]? = nil, branch: [TextPattern]? = nil,
            environment: [TextPattern]? = nil, service: [TextPattern]? = nil
        ) {
            self.event = event
            self.repository = repository
            self.branch = branch
            self.environment = environment
            self.service = service
        }

        func matches(_ event: Event) -> Bool {
            guard self.event.map({ $0.contains(event.kind) }) ?? !event.kind.isOfFacts else { return false }
            return Self.matches(repository, event.repository) && Self.matches(branch, event.branch)
                && Self.matches(environment, event.environment) && Self.matches(service, event.service)
        }

        private static func matches(_ patterns: [TextPattern]?, _ text: @autoclosure () -> String?) -> Bool {
            guard let patterns else { return true }
            guard let text = text() else { return false }
            return patterns.contains { $0.matches(text) }
        }

        /// The kinds of events that can have everything that it asks for.
        var possibleKinds: Set<Event.Kind> {
            var kinds = event ?? Set(Event.Kind.allCases.filter { !$0.isOfFacts })
            if branch != nil { kinds.formIntersection([.commitPushed]) }
            if environment != nil { kinds.formIntersection([.commitDeployed, .deploymentFailed]) }
            if service != nil { kinds.remove(.commitPushed) }
            if repository != nil { kinds = kinds.filter { !$0.isOfFacts } }
            let lists = [repository, branch, environment, service]
            return lists.contains { $0?.isEmpty == true } ? [] : kinds
        }
    }

    public var entries: [Entry]

    public init(_ entries: [Entry]) {
        self.entries = entries
    }

    public func matches(_ event: Event) -> Bool {
        entries.contains { $0.matches(event) }
    }

    /// Whether it asks for incidents.
    var wantsIncidents: Bool { entries.contains { $0.possibleKinds.contains(where: \.isOfFacts) } }

    /// Whether an event could match.
    var matchesSomething: Bool { !entries.isEmpty && entries.allSatisfy { !$0.possibleKinds.isEmpty } }
}

extension Event {
    /// Nil for what is no push to a branch.
    var branch: String? {
        guard case .commitPushed(let push) = self, let ref = push.ref, ref.hasPrefix("refs/heads/") else { return nil }
        return String(ref.dropFirst("refs/heads/".count))
    }

    var environment: String? {
        switch self {
        case .commitPushed, .incidentOpened, .incidentResolved: nil
        case .commitDeployed(let deployment), .deploymentFailed(let deployment): deployment.env
        }
    }

    var service: String? {
        switch self {
        case .commitPushed: nil
        case .commitDeployed(let deployment), .deploymentFailed(let deployment): deployment.service
        case .incidentOpened(let incident), .incidentResolved(let incident): incident.service
        }
    }
}
