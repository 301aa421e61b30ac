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
    /// Deployments and incidents of these services alone; nil is of all.
    var services: Set<String>?
    /// Pushes to these repositories alone, whatever their capitals; nil is to all.
    var repositories: Set<String>?
    /// Whether the facts of a kind come in the order of time. Without it SQLite reads the file from end to end.
    var isSorted = true

    func forEach(_ database: Database, _ body: (Fact) throws -> Void) throws {
        if hasFacts { try pushes(database, body) }
        try untoldPushes(database, body)
        try forEachOther(database, body)
    }

    /// Adds what was found to a history.
    func add(to history: inout DeploymentHistory, _ database: Database) throws {
        try addPushes(to: &history, database)
        try forEachOther(database) { history.add($0) }
    }

    func addPushes(to history: inout DeploymentHistory, _ database: Database) throws {
        if hasFacts { try addStoredPushes(to: &history, database) }
        try untoldPushes(database) { history.add($0) }
    }

    /// Deployments and incidents.
    func forEachOther(_ database: Database, _ body: (Fact) throws -> Void) throws {
        if hasFacts { try deployments(database, body) }
        try untoldDeployments(database, body)
        if hasFacts { try incidents(database, body) }
    }

    /// Names as one argument, for `json_each`.
    static func list(_ names: Set<String>) -> String {
        var json = JSONWriter(capacity: 64 + names.count * 32)
        json.array { json in
            for name in names.sorted() { json.string(name) }
        }
        return String(decoding: json.bytes, as: UTF8.self)
    }

    /// What every question binds, by number: since, until, repository, service, environment, services, repositories.
    private var arguments: StatementArguments {
        [
            since?.millisecondsSince1970 ?? .min, until?.millisecondsSince1970 ?? .max, filter.repository,
            filter.service, filter.environment, services.map(Self.list), repositories.map(Self.list),
        ]
    }

    private func rows(_ database: Database, _ sql: String, _ body: (Row) throws -> Void) throws {
        // Each question names all of the arguments, so that they can be bound alike.
        let cursor = try Row.fetchCursor(
            database, sql: "WITH asked AS (SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7) " + sql,
            arguments: arguments)
        while let row = try cursor.next() { try body(row) }
    }

    private static func time(_ row: Row, _ index: Int) -> Timestamp? {
        (row[index] as Int64?).map { Timestamp(millisecondsSince1970: $0) }
    }

    // MARK: Pushes

    private func pushes(_ database: Database, _ body: (Fact) throws -> Void) throws {
        try forEachStored(database) { row in
            var push = PushFact(
                repository: row.text(0) ?? "", ref: row.text(1), before: row.text(2), after: row.text(3),
                isForced: row.flag(4), isLinked: row.flag(5), isComplete: row.flag(6),
                pushedAt: Timestamp(millisecondsSince1970: row.pushedAt), commits: [])
            // The file can be edited by hand: what cannot be read is a hole.
            let read = row.withBytes(8) { commits in
                try? JSONReader.read(lent: commits) { (reader) throws(JSONError) in
                    try PushFact.readCommits(&reader)
                }
            }
            push.commits = read?.0 ?? []
            push.isComplete = push.isComplete && read?.isComplete == true
            try body(.push(push))
        }
    }

    private func untoldPushes(_ database: Database, _ body: (Fact) throws -> Void) throws {
        let sql = """
            SELECT commit_id, repository, pushed_at FROM pushes
            WHERE \(untold) \(inTime("pushed_at", otherwise: repositories != nil)) AND (?3 IS NULL OR repository = ?3) \(ofRepositories)
            \(order("pushed_at, commit_id, repository"))
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

    /// - Parameter otherwise: whether rows are found otherwise than by their time, and SQLite should not use its index.
    func inTime(_ column: String, otherwise isOtherwise: Bool) -> String {
        let column = isOtherwise && since == nil && until == nil ? "+\(column)" : column
        return "\(column) >= ?1 AND \(column) < ?2"
    }

    func order(_ columns: String) -> String { isSorted ? "ORDER BY \(columns)" : "" }

    var ofRepositories: String {
        repositories == nil ? "" : "AND repository COLLATE NOCASE IN (SELECT value FROM json_each(?7))"
    }

    private var ofServices: String {
        services == nil ? "" : "AND service IN (SELECT value FROM json_each(?6))"
    }

    // MARK: Deployments

    private func deployments(_ database: Database, _ body: (Fact) throws -> Void) throws {
        let sql = """
            SELECT source_id, service, environment, commit_id, started_at, finished_at, succeeded, repository, version,
                description, url
            FROM deployment_facts AS f
            WHERE plausible AND \(inTime("finished_at", otherwise: !isSorted)) \(ofPlace) \(ofServices) AND NOT EXISTS (
                SELECT 1 FROM deployment_facts AS other
                WHERE other.id = f.id AND other.plausible
                    AND (other.finished_at, other.event_id) < (f.finished_at, f.event_id))
            \(order("finished_at, id"))
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
            WHERE \(untold) plausible AND \(inTime("deployed_at", otherwise: services != nil)) \(ofPlace) \(ofServices)
            \(order("deployed_at, event_id"))
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
                AND (?4 IS NULL OR service = ?4) \(ofServices)
            \(order("coalesce(opened_at, resolved_at), service, id"))
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
