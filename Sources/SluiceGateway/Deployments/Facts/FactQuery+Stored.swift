import GRDB
import Sluice
import SluiceSQLite

extension FactQuery {
    /// A row of `push_facts`, lent until the next one.
    struct StoredPush {
        fileprivate let statement: SQLStatement

        var pushedAt: Int64 { statement.integer(7) }

        func text(_ column: Int32) -> String? { statement.isNull(column) ? nil : statement.text(column) }
        func flag(_ column: Int32) -> Bool { statement.integer(column) != 0 }

        /// Nothing where there is no value.
        func withBytes<Result>(_ column: Int32, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
            statement.withBytes(column) { body($0.bindMemory(to: UInt8.self)) }
        }
    }

    /// Calls `body` with each push, by SQLite's own calls: of a million rows GRDB's would be most of the work.
    func forEachStored(_ database: Database, _ body: (StoredPush) throws -> Void) throws {
        do {
            try forEachRow(database, body)
        } catch is SQLiteLogError {
            throw DatabaseError(resultCode: database.lastErrorCode, message: database.lastErrorMessage)
        }
    }

    private func forEachRow(_ database: Database, _ body: (StoredPush) throws -> Void) throws {
        guard let connection = database.sqliteConnection else { return }
        let statement = try SQLStatement(
            connection: connection, path: database.description,
            """
            SELECT repository, ref, before_id, after_id, forced, linked, complete, pushed_at, commits FROM push_facts
            WHERE \(inTime("pushed_at", otherwise: !isSorted)) AND (?3 IS NULL OR repository = ?3) \(ofRepositories) \(order("pushed_at, id"))
            """)
        statement.bind(since?.millisecondsSince1970 ?? .min, at: 1)
        statement.bind(until?.millisecondsSince1970 ?? .max, at: 2)
        if let repository = filter.repository { statement.bind(repository, at: 3) }
        if let repositories { statement.bind(Self.list(repositories), at: 7) }
        while try statement.step() {
            guard !statement.isNull(7) else { continue }
            try body(StoredPush(statement: statement))
        }
    }

    func addStoredPushes(to history: inout DeploymentHistory, _ database: Database) throws {
        try forEachStored(database) { row in
            let repository = row.withBytes(0) { history.repositories.id(of: $0) }
            let ref = row.withBytes(1) { $0.isEmpty ? PushLog.none : history.pushes.ref($0) }
            let head = PushLog.Head(
                repository: repository, ref: ref, before: row.withBytes(2) { CommitHash($0) },
                after: row.withBytes(3) { CommitHash($0) }, isForced: row.flag(4), isLinked: row.flag(5),
                isComplete: row.flag(6), pushedAt: row.pushedAt)
            row.withBytes(8) { history.add(head, listing: $0) }
        }
    }
}
