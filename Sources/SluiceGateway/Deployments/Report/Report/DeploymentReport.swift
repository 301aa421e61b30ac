package import Sluice

/// What was deployed in a period, what it brought, what became of it, and the five figures of it. docs/DEPLOYMENTS.md
/// defines every word, docs/REPORT.md describes it as JSON.
package struct DeploymentReport: Sendable {
    /// Of the JSON. Members may be added within a version; none changes its meaning or goes.
    package static let version = 1

    /// A span of time, without its end.
    package struct Period: Sendable, Hashable {
        package var from: Timestamp
        package var to: Timestamp

        package init(from: Timestamp, to: Timestamp) {
            self.from = from
            self.to = to
        }

        package var days: Double { Double(to.milliseconds(since: from)) / 86_400_000 }
        /// As long, and just before.
        package var before: Period {
            let length = to.milliseconds(since: from)
            let (start, overflow) = from.millisecondsSince1970.subtractingReportingOverflow(length)
            return Period(from: Timestamp(millisecondsSince1970: overflow ? .min : start), to: from)
        }

        func contains(_ time: Int64) -> Bool {
            time >= from.millisecondsSince1970 && time < to.millisecondsSince1970
        }
    }

    /// What a report is asked for.
    package struct Query: Sendable {
        package var period: Period
        /// What is far beyond it is no time.
        package var now: Timestamp
        package var repository: String?
        package var service: String?
        package var environment: String?
        /// Whether ``DeploymentReport/commits`` are listed.
        package var listsCommits = false
        /// Whether it will be drawn: then places have ``Place/dots`` and ``Place/live``.
        package var isDrawn = false
        package var rules = DeploymentRules.standard
        /// Where authors and titles are read; nil is the history itself.
        var texts: (any CommitTextSource)?

        package init(period: Period, now: Timestamp) {
            self.period = period
            self.now = now
        }
    }

    /// A service in an environment; or, without a service, all of them there.
    package struct Place: Sendable {
        package var service: String?
        package var environment: String
        package var figures = Figures()
        /// Of the period before.
        package var before = Figures()
        /// What was live when the period began.
        package var atStart: Deployment?
        /// From each commit to its deployment, by the time of that: at most ``dotLimit``, evenly chosen.
        package var dots: [Dot] = []
        /// What was live when, in the order of time.
        var live: [LiveStretch] = []
    }

    package struct Dot: Sendable, Hashable {
        package var deployedAt: Int64
        package var leadTime: Int64
    }

    package struct Commit: Sendable, Hashable {
        package var id: String
        package var title = ""
        package var author = ""
        package var madeAt: Timestamp?
        package var pushedAt: Timestamp?
        /// In milliseconds; nil where it is unknown, or another deployment brought the commit first.
        package var leadTime: Int64?
    }

    /// A deployment that succeeded.
    package struct Deployment: Sendable {
        package var service: String
        package var environment: String
        package var commit: String
        package var repository: String?
        package var version: String?
        package var url: String?
        package var startedAt: Timestamp?
        package var finishedAt: Timestamp
        package var kind: DeploymentKind
        package var rule: KindRule
        /// How many commits it brings, as far as that is known.
        package var commitCount = 0
        /// The newest of these, oldest first; of the newest deployments alone.
        package var commits: [Commit] = []
        package var gap: Gap?
        package var failures: [Failure] = []
        package var brokenFrom: Timestamp?
        /// Nil where it is not repaired as far as is known.
        package var repairedAt: Timestamp?
    }

    /// By what a deployment failed.
    package struct Failure: Sendable {
        package var rule: FailureRule
        /// What shows it: the commit of a deployment, or the id of an incident.
        package var by: String
        package var at: Timestamp?
    }

    /// A deployment that never got there.
    package struct Rollout: Sendable {
        package var service: String
        package var environment: String
        package var commit: String
        package var repository: String?
        package var version: String?
        package var url: String?
        package var failedAt: Timestamp
    }

    /// What an environment has and production has not.
    package struct Pending: Sendable {
        package enum State: String, Sendable {
            case same, ahead, behind, unknown
            /// Nothing was ever deployed to production.
            case notInProduction = "not_in_production"
        }

        package var service: String
        package var environment: String
        package var commit: String
        package var since: Timestamp
        package var production: String?
        package var state: State
        package var commitCount = 0
        package var commits: [Commit] = []
        package var gap: Gap?
    }

    /// Where a commit went.
    package struct CommitRow: Sendable {
        package var repository: String
        package var commit: Commit
        package var arrivals: [Arrival]
    }

    /// A commit in an environment, or why it is not there.
    package struct Arrival: Sendable {
        package enum State: String, Sendable {
            case deployed, unknown
            case notDeployed = "not_deployed"
            case beforeBaseline = "before_baseline"
        }

        package var service: String
        package var environment: String
        package var state: State
        package var at: Timestamp?
        package var leadTime: Int64?
        /// Why there is no lead time.
        package var why: String?
    }

    package struct Incident: Sendable {
        package var service: String
        package var id: String
        package var openedAt: Timestamp
        package var resolvedAt: Timestamp?
    }

    package static let dotLimit = 2_000
    package static let deploymentLimit = 10_000
    package static let detailLimit = 500
    package static let commitLimit = 50

    package var query: Query
    package var places: [Place] = []
    /// One for each environment with more than one service.
    package var totals: [Place] = []
    /// Of the period, newest first.
    package var deployments: [Deployment] = []
    /// Deployments of the period beyond ``deploymentLimit``, which are counted and not listed.
    package var moreDeployments = 0
    package var rollouts: [Rollout] = []
    package var pending: [Pending] = []
    package var incidents: [Incident] = []
    /// Incidents of the period that came while nothing was live that had brought anything.
    package var strayIncidents = 0
    /// Nil where it was not asked for.
    var commits: CommitListing?

    package var period: Period { query.period }
}
