import GRDB
import Sluice

/// Why a deployment that succeeded has no lead time.
enum LeadTimeGap: String, Error, CaseIterable {
    /// No push of the commit was heard of.
    case unknownCommit = "unknown_commit"
    /// Fewer than 7 digits: among many repositories, any would match.
    case shortHash = "short_hash"
    /// The digits fit several commits.
    case ambiguousHash = "ambiguous_hash"
    case implausibleTime = "implausible_time"
    /// The deployment says that it was before the commit.
    case beforePush = "before_push"
    /// The commit was older than 60 days: such work lay about, and would outweigh all other.
    case oldCommit = "old_commit"
}

/// From a commit's push to its deployment.
enum LeadTime {
    /// As git abbreviates.
    static let shortestHash = 7
    /// A hash of that many digits names one commit wherever it is (SHA-1).
    static let wholeHash = 40
    static let longest = Duration.seconds(60 * 86_400)

    /// - Parameter deployment: its time is plausible.
    static func find(for deployment: Deployment, in database: Database) throws -> Result<Duration, LeadTimeGap> {
        guard deployment.id.utf8.count >= shortestHash else { return .failure(.shortHash) }
        // Every digit sorts before `g`. A shortened hash is looked for in the deployment's own repository, when it
        // names one.
        let isWhole = deployment.id.utf8.count >= wholeHash
        let pushes = try Row.fetchAll(
            database.cachedStatement(
                sql: """
                    SELECT MIN(pushed_at) FROM pushes
                    WHERE commit_id >= ?1 AND commit_id < ?1 || 'g' AND pushed_at >= ?2
                        AND (?3 IS NULL OR repository = ?3 COLLATE NOCASE)
                    GROUP BY commit_id LIMIT 2
                    """),
            arguments: [
                deployment.id, EventTime.earliest.millisecondsSince1970, isWhole ? nil : deployment.repository,
            ])
        guard pushes.count <= 1 else { return .failure(.ambiguousHash) }
        guard let pushedAt = pushes.first.flatMap({ Int64.fromDatabaseValue($0[0]) }) else {
            return .failure(.unknownCommit)
        }
        let lead = Duration.milliseconds(
            deployment.occurredOn.milliseconds(since: Timestamp(millisecondsSince1970: pushedAt)))
        if lead < .zero { return .failure(.beforePush) }
        return lead > longest ? .failure(.oldCommit) : .success(lead)
    }
}
