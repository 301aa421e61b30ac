/// The numbers in the definitions of docs/DEPLOYMENTS.md.
package struct DeploymentRules: Sendable, Hashable {
    /// How long after a failure the next deployment counts as its repair. Default 24 hours, in milliseconds.
    package var repairWindow: Int64 = 86_400_000
    /// Commits older than this when they are deployed are set apart. Default 60 days, in milliseconds.
    package var oldCommit: Int64 = 60 * 86_400_000

    package init() {}

    /// Where customers are: what `staging` is compared with, and what an incident is about.
    package static func isProduction(_ environment: String) -> Bool {
        ["production", "prod"].contains(environment.lowercased())
    }

    package static let standard = DeploymentRules()
}
