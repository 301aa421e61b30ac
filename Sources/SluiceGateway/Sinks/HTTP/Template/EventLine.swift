/// An event as people read it, in plain text without markup. Its parts are for those that add some.
struct EventLine {
    /// What happened: `Commit 6113728 pushed to acme/shop (main) by ann`.
    let headline: String
    /// The first line of the commit's message; empty where there is none.
    let message: String

    init(_ event: Event) {
        let commit = Self.shortened(event.commit)
        switch event {
        case .commitPushed(let push):
            headline = "Commit \(commit) pushed\(Self.place(push.repository, push.ref)) by \(push.author)"
            message = push.message.firstLine
        case .commitDeployed(let deployment):
            headline = "Commit \(commit) deployed to \(Self.target(deployment))"
            message = ""
        case .deploymentFailed(let deployment):
            headline = "Commit \(commit) failed to deploy to \(Self.target(deployment))"
            message = ""
        case .incidentOpened(let incident):
            headline = "Incident \(incident.id) of \(incident.service) opened"
            message = ""
        case .incidentResolved(let incident):
            headline = "Incident \(incident.id) of \(incident.service) resolved\(Self.span(of: incident))"
            message = ""
        }
    }

    /// ` after 2m 30s`, or nothing where that is not known.
    static func span(of incident: Incident) -> String {
        guard let duration = incident.duration else { return "" }
        let seconds = duration.components.seconds
        let parts = [
            (seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s"),
        ]
        let shown = parts.drop { $0.0 == 0 }.prefix(2).filter { $0.0 > 0 }.map { "\($0.0)\($0.1)" }
        return shown.isEmpty ? "" : " after \(shown.joined(separator: " "))"
    }

    /// Both, on one line.
    static func text(of event: Event) -> String {
        let line = EventLine(event)
        return line.message.isEmpty ? line.headline : "\(line.headline): \(line.message)"
    }

    static func shortened(_ commit: String) -> String { String(commit.prefix(7)) }

    static func branch(_ ref: String) -> String {
        ref.hasPrefix("refs/heads/") ? String(ref.dropFirst("refs/heads/".count)) : ref
    }

    private static func place(_ repository: String?, _ ref: String?) -> String {
        switch (repository, ref.map(branch)) {
        case (let repository?, let branch?): " to \(repository) (\(branch))"
        case (let place?, nil), (nil, let place?): " to \(place)"
        case (nil, nil): ""
        }
    }

    private static func target(_ deployment: Deployment) -> String {
        let what = [deployment.service, deployment.repository].compactMap(\.self).joined(separator: ", ")
        return what.isEmpty ? deployment.env : "\(deployment.env) (\(what))"
    }
}
