/// One readable line an event, for a gateway without sinks.
package enum ConsoleLine {
    /// Such as `2026-01-02T03:04:05.678Z  6113728f27ae pushed to octo/hello (main) by Ann: Fix the leak`, without the
    /// line's end. Nothing in it can move the terminal's cursor.
    package static func text(of event: Event) -> String {
        let line: String
        switch event {
        case .commitPushed(let event):
            let message = event.message.firstLine
            line =
                "pushed\(place(event.repository, event.ref)) by \(event.author)\(message.isEmpty ? "" : ": ")\(message)"
        case .commitDeployed(let event):
            line = "deployed to \(target(event))"
        case .deploymentFailed(let event):
            line = "failed to deploy to \(target(event))"
        case .incidentOpened, .incidentResolved:
            return "\(RFC3339.format(event.occurredOn))  \(EventLine.text(of: event))".replacingUnsafeCharacters()
        }
        return "\(RFC3339.format(event.occurredOn))  \(event.commit.prefix(12)) \(line)".replacingUnsafeCharacters()
    }

    private static func target(_ deployment: Deployment) -> String {
        let what = [deployment.service, deployment.repository].compactMap(\.self).joined(separator: ", ")
        return "\(deployment.env)\(what.isEmpty ? "" : " (\(what))")"
    }

    private static func place(_ repository: String?, _ ref: String?) -> String {
        let branch = ref.map { $0.hasPrefix("refs/heads/") ? String($0.dropFirst("refs/heads/".count)) : $0 }
        switch (repository, branch) {
        case (let repository?, let branch?): return " to \(repository) (\(branch))"
        case (let place?, nil), (nil, let place?): return " to \(place)"
        case (nil, nil): return ""
        }
    }
}
