package import Sluice

extension Fact {
    /// The id of the fact's message, made of what the fact is about, so that a webhook that is delivered again makes the same.
    ///
    /// A push is its repository, ref, `before` and `after`; one that tells neither is its commits. A deployment is its service,
    /// environment, id and outcome; an incident its service, id and times.
    package var messageID: MessageID {
        switch self {
        case .push(let push):
            let link = [push.repository, push.ref ?? "", push.before ?? "", push.after ?? ""]
            let isNamed = push.before != nil || push.after != nil
            return MessageID(hashOf: ["sluice/fact/push/1"] + link + (isNamed ? [] : push.commits.map(\.id)))
        case .deployment(let deployment):
            return MessageID(
                hashOf: "sluice/fact/deployment/1", deployment.service, deployment.environment, deployment.id,
                deployment.succeeded ? "success" : "failure")
        case .incident(let incident):
            return MessageID(
                hashOf: "sluice/fact/incident/1", incident.service, incident.id, Self.text(incident.openedAt),
                Self.text(incident.resolvedAt))
        }
    }

    private static func text(_ time: Timestamp?) -> String { time.map { String($0.millisecondsSince1970) } ?? "" }
}
