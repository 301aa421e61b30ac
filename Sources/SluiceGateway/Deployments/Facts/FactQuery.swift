import Foundation
import GRDB
import Sluice

/// The facts of a span of time in a file of deployments, and for events that no fact tells of what the events say.
struct FactQuery {
    var since: Timestamp?
    var until: Timestamp?
    var filter: FactFilter
    /// False for the file of an earlier release.
    var hasFacts = true

    func forEach(_ database: Database, _ body: (Fact) throws -> Void) throws {
        if hasFacts { try pushes(database, body) }
        try untoldPushes(database, body)
        if hasFacts { try deployments(database, body) }
        try untoldDeployments(database, body)
        if hasFacts { try incidents(database, body) }
    }

    /// What every question binds, by number: since, until, repository, service, environment.
    private var arguments: StatementArguments {
        [
            since?.millisecondsSince1970 ?? .min, until?.millisecondsSince1970 ?? .max, filter.repository,
            filter.service,
            filter.environment,
        ]
    }

    private func rows(_ database: Database, _ sql: String, _ body: (Row) throws -> Void) throws {
        // Each question names all of the arguments, so that they can be bound alike.
        let cursor = try Row.fetchCursor(
            database, sql: "WITH asked AS (SELECT ?1 AS a, ?2 AS b, ?3 AS c, ?4 AS d, ?5 AS e) " + sql,
            arguments: arguments)
        while let row = try cursor.next() { try body(row) }
    }

    private static func time(_ row: Row, _ index: Int) -> Timestamp? {
        (row[index] as Int64?).map { Timestamp(millisecondsSince1970: $0) }
    }

    // MARK: Pushes

    private func pushes(_ database: Database, _ body: (Fact) throws -> Void) throws {
        let sql = """
            SELECT repository, ref, before_id, after_id, forced, linked, complete, pushed_at, commits FROM push_facts
            WHERE pushed_at >= ?1 AND pushed_at < ?2 AND (?3 IS NULL OR repository = ?3) ORDER BY pushed_at, id
            """
        try rows(database, sql) { row in
            guard let time = Self.time(row, 7), let commits = row[8] as Data? else { return }
            var push = PushFact(
                repository: row[0] as String? ?? "", ref: row[1] as String?, before: row[2] as String?,
                after: row[3] as String?, isForced: row[4] as Bool? ?? false, isLinked: row[5] as Bool? ?? false,
                isComplete: row[6] as Bool? ?? false, pushedAt: time, commits: [])
            // The file can be edited by hand: what cannot be read is a hole.
            let read = try? JSONReader.read(Array(commits)) { (reader) throws(JSONError) in
                try PushFact.readCommits(&reader)
            }
            push.commits = read?.0 ?? []
            push.isComplete = push.isComplete && read?.isComplete == true
            try body(.push(push))
        }
    }

    private func untoldPushes(_ database: Database, _ body: (Fact) throws -> Void) throws {
        let sql = """
            SELECT commit_id, repository, pushed_at FROM pushes
            WHERE \(untold) pushed_at >= ?1 AND pushed_at < ?2 AND (?3 IS NULL OR repository = ?3)
            ORDER BY pushed_at, commit_id, repository
            """
        try rows(database, sql) { row in
            guard let commit = row[0] as String?, let time = Self.time(row, 2) else { return }
            try body(
                .push(
                    PushFact(
                        repository: row[1] as String? ?? "", ref: nil, before: nil, after: nil, isLinked: false,
                        pushedAt: time,
                        commits: [PushFact.Commit(id: commit, author: "", madeAt: time, title: "")])))
        }
    }

    private var untold: String { hasFacts ? "NOT is_told AND" : "" }

    // MARK: Deployments

    private func deployments(_ database: Database, _ body: (Fact) throws -> Void) throws {
        let sql = """
            SELECT source_id, service, environment, commit_id, started_at, finished_at, succeeded, repository, version,
                description, url
            FROM deployment_facts AS f
            WHERE plausible AND finished_at >= ?1 AND finished_at < ?2 \(ofPlace) AND NOT EXISTS (
                SELECT 1 FROM deployment_facts AS other
                WHERE other.id = f.id AND other.plausible
                    AND (other.finished_at, other.event_id) < (f.finished_at, f.event_id))
            ORDER BY finished_at, id
            """
        try rows(database, sql) { row in
            guard let id = row[0] as String?, let service = row[1] as String?, let environment = row[2] as String?,
                let commit = row[3] as String?, let finished = Self.time(row, 5), let succeeded = row[6] as Bool?
            else { return }
            try body(
                .deployment(
                    DeploymentFact(
                        id: id, service: service, environment: environment, commit: commit,
                        startedAt: Self.time(row, 4), finishedAt: finished, succeeded: succeeded,
                        repository: row[7] as String?, version: row[8] as String?, description: row[9] as String?,
                        url: row[10] as String?)))
        }
    }

    private func untoldDeployments(_ database: Database, _ body: (Fact) throws -> Void) throws {
        let sql = """
            SELECT event_id, service, environment, commit_id, deployed_at, succeeded, \(hasFacts ? "repository" : "NULL")
            FROM deployments
            WHERE \(untold) plausible AND deployed_at >= ?1 AND deployed_at < ?2 \(ofPlace) ORDER BY deployed_at, event_id
            """
        try rows(database, sql) { row in
            guard let id = row[0] as String?, let service = row[1] as String?, let environment = row[2] as String?,
                let commit = row[3] as String?, let time = Self.time(row, 4), let succeeded = row[5] as Bool?
            else { return }
            try body(
                .deployment(
                    DeploymentFact(
                        id: id, service: service, environment: environment, commit: commit, finishedAt: time,
                        succeeded: succeeded, repository: row[6] as String?)))
        }
    }

    private var ofPlace: String {
        "\(hasFacts ? "AND (?3 IS NULL OR repository IS NULL OR repository = ?3)" : "") "
            + "AND (?4 IS NULL OR service = ?4) AND (?5 IS NULL OR environment = ?5)"
    }

    // MARK: Incidents

    /// Those that were open at some time of the span.
    private func incidents(_ database: Database, _ body: (Fact) throws -> Void) throws {
        let sql = """
            SELECT id, service, opened_at, resolved_at FROM incident_facts
            WHERE coalesce(opened_at, resolved_at) < ?2 AND coalesce(resolved_at, ?1) >= ?1
                AND (?4 IS NULL OR service = ?4)
            ORDER BY coalesce(opened_at, resolved_at), service, id
            """
        try rows(database, sql) { row in
            guard let id = row[0] as String?, let service = row[1] as String? else { return }
            try body(
                .incident(
                    IncidentFact(
                        id: id, service: service, openedAt: Self.time(row, 2), resolvedAt: Self.time(row, 3))))
        }
    }
}
