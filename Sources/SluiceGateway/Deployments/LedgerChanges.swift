import Sluice

/// Of which repositories and services something came that was not known, since this was asked last.
struct LedgerChanges: Sendable {
    /// Beyond so many names it is everything.
    private static let limit = 1_000

    /// In small letters.
    private(set) var repositories: Set<String> = []
    private(set) var services: Set<String> = []
    /// Whether anything may be otherwise than before.
    private(set) var isEverything = false

    static var everything: LedgerChanges {
        var changes = LedgerChanges()
        changes.isEverything = true
        return changes
    }

    mutating func note(_ fact: Fact) {
        switch fact {
        case .push(let push): note(repository: push.repository)
        case .deployment(let deployment): note(service: deployment.service)
        case .incident(let incident): note(service: incident.service)
        }
    }

    mutating func note(_ event: Event) {
        switch event {
        case .commitPushed(let push): note(repository: push.repository ?? "")
        case .commitDeployed(let deployment), .deploymentFailed(let deployment): note(service: deployment.serviceName)
        case .incidentOpened, .incidentResolved: break
        }
    }

    mutating func merge(_ other: LedgerChanges) {
        repositories.formUnion(other.repositories)
        services.formUnion(other.services)
        isEverything = isEverything || other.isEverything
        bound()
    }

    private mutating func note(repository: String) {
        guard !isEverything else { return }
        repositories.insert(repository.lowercased())
        bound()
    }

    private mutating func note(service: String) {
        guard !isEverything else { return }
        services.insert(service)
        bound()
    }

    private mutating func bound() {
        guard isEverything || repositories.count + services.count > Self.limit else { return }
        (repositories, services, isEverything) = ([], [], true)
    }
}
