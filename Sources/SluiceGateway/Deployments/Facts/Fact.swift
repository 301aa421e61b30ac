import Sluice

/// What is kept of the world for good, in the topic `facts`: what figures of deployments are made from, in whatever order
/// the facts came.
///
/// Events are what sinks are told; facts are what was so. A commit that is pushed to a second branch is a second fact and
/// no second event.
package enum Fact: Sendable, Hashable {
    case push(PushFact)
    case deployment(DeploymentFact)
    case incident(IncidentFact)

    /// The kinds of facts, as the metadata `fact_type` names them.
    package enum Kind: String, Sendable, CaseIterable {
        case push, deployment, incident
    }

    package var kind: Kind {
        switch self {
        case .push: .push
        case .deployment: .deployment
        case .incident: .incident
        }
    }
}
