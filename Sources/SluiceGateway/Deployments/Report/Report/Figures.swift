/// The five figures of a service in an environment over a period, and how much of them is known. docs/DEPLOYMENTS.md defines
/// each.
package struct Figures: Sendable, Hashable {
    // Change lead time, over commits.
    package var leadTime = Spread()
    package var commitToPush = Spread()
    package var pushToDeployment = Spread()
    /// Commits older than 60 days when they were deployed, which are in none of the three.
    package var oldCommits = 0
    /// Commits that shipped and have no lead time.
    package var commitsWithoutTime = 0
    /// Commits that say that they were made after their deployment.
    package var commitsFromFuture = 0

    // Deployment frequency, over deployments that ship something.
    package var shipping = 0
    package var days = 0.0
    /// From one to the next.
    package var interval = Spread()

    // Change fail rate, and failed deployment recovery time.
    package var failed = 0
    package var recovery = Spread()
    /// Failed, and not repaired as far as is known.
    package var unrepaired = 0
    /// How many failed by each rule; a deployment may have failed by several.
    package var failedBy: [FailureRule: Int] = [:]

    // Deployment rework rate.
    package var kinds: [DeploymentKind: Int] = [:]

    /// Deployments whose contents are known.
    package var known = 0
    /// Deployments that ship something, and not everything is known of what.
    package var unknown: [Gap: Int] = [:]
    /// Left out of everything, because their times cannot be.
    package var implausible = 0
    package var failedRollouts = 0

    package init() {}

    /// All that succeeded, whatever they shipped.
    package var deployments: Int { kinds.values.reduce(0, +) }
    package var perDay: Double { days > 0 ? Double(shipping) / days : 0 }
    /// Nil where nothing shipped.
    package var failRate: Double? { shipping > 0 ? Double(failed) / Double(shipping) : nil }
    package var rework: Int { kinds[.hotfix, default: 0] + kinds[.rollback, default: 0] }
    /// Nil where nothing was deployed.
    package var reworkRate: Double? { deployments > 0 ? Double(rework) / Double(deployments) : nil }
    package var unknownDeployments: Int { unknown.values.reduce(0, +) }
}
