/// Which facts are asked for. What is nil is not asked.
package struct FactFilter: Sendable, Hashable {
    /// `owner/name`. A deployment that names no repository passes: its commit may be of this one.
    package var repository: String?
    /// Of deployments and incidents; pushes pass.
    package var service: String?
    /// Of deployments; pushes and incidents pass.
    package var environment: String?

    package init(repository: String? = nil, service: String? = nil, environment: String? = nil) {
        self.repository = repository
        self.service = service
        self.environment = environment
    }
}
