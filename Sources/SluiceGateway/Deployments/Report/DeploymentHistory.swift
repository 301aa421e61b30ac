import Sluice

/// Facts as they come, in any order, doubled or late, kept in little room until a report is made of them.
///
/// It reads no clock and no file. A million facts take about 100 MB.
package struct DeploymentHistory: Sendable {
    /// A service in an environment.
    struct Place: Hashable {
        let service: UInt32
        let environment: UInt32
    }

    struct Deployment {
        let place: Place
        let id: String
        let hash: CommitHash
        /// Nil where the deployment names none.
        let repository: UInt32?
        let startedAt: Int64?
        let finishedAt: Int64
        let succeeded: Bool
        let version: String?
        let url: String?
    }

    struct IncidentKey: Hashable {
        let service: UInt32
        let id: String
    }

    /// Opened and resolved: the first that was heard of each opening, the last of each end.
    typealias IncidentTimes = (opened: Int64?, resolved: Int64?)

    var commits: CommitTable
    var pushes = PushLog()
    var repositories = NameTable(ignoringCase: true)
    var services = NameTable()
    var environments = NameTable()
    var deployments = ChunkedArray<Deployment>()
    var incidents: [IncidentKey: IncidentTimes] = [:]

    /// - Parameter keepsTexts: without authors and titles a report has none, until ``DeploymentReport/fill(_:)`` brings those
    ///   that are shown.
    package init(keepsTexts: Bool = true) {
        commits = CommitTable(keepsTexts: keepsTexts)
    }

    package mutating func add(_ fact: Fact) {
        switch fact {
        case .push(let push): pushes.add(push, in: repositories.id(of: push.repository), to: &commits)
        case .deployment(let deployment): add(deployment)
        case .incident(let incident): add(incident)
        }
    }

    private mutating func add(_ fact: DeploymentFact) {
        guard let hash = CommitHash(fact.commit) else { return }
        let place = Place(service: services.id(of: fact.service), environment: environments.id(of: fact.environment))
        let repository = fact.repository.flatMap { $0.isEmpty ? nil : repositories.id(of: $0) }
        deployments.append(
            Deployment(
                place: place, id: fact.id, hash: hash, repository: repository,
                startedAt: fact.startedAt?.millisecondsSince1970, finishedAt: fact.finishedAt.millisecondsSince1970,
                succeeded: fact.succeeded, version: fact.version, url: fact.url))
    }

    private mutating func add(_ fact: IncidentFact) {
        let key = IncidentKey(service: services.id(of: fact.service), id: fact.id)
        let known = incidents[key] ?? (nil, nil)
        func earliest(_ one: Int64?, _ other: Int64?) -> Int64? {
            one.map { one in other.map { min(one, $0) } ?? one } ?? other
        }
        func latest(_ one: Int64?, _ other: Int64?) -> Int64? {
            one.map { one in other.map { max(one, $0) } ?? one } ?? other
        }
        incidents[key] = (
            earliest(known.opened, fact.openedAt?.millisecondsSince1970),
            latest(known.resolved, fact.resolvedAt?.millisecondsSince1970)
        )
    }
}
