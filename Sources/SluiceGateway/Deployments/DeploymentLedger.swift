import GRDB
import Logging
import Sluice
import Synchronization

/// Remembers when each commit was pushed and what was deployed where, so that a deployment is counted once, across
/// restarts too, and its lead time is known months later.
///
/// A file of its own beside the log: whatever queue carries the events, this is derived from them and can be made
/// again by reading them from the beginning.
final class DeploymentLedger: Sendable {
    /// What an event that was not known before says.
    struct Entry: Sendable, Equatable {
        /// From the commit's push to its deployment; nil where there is none to count.
        var leadTime: Duration?
        /// Why a deployment that succeeded has no lead time.
        var gap: LeadTimeGap?
        /// Whether its time may enter a figure.
        var isPlausible = true
        /// From the first deployment that failed since the one before that succeeded; nil when none did.
        var timeToRestore: Duration?
    }

    /// A service that was ever deployed to an environment, at a time that is believed.
    struct Latest: Sendable {
        let service: String
        let environment: String
        /// The last deployment that succeeded.
        let at: Timestamp?
    }

    /// For how long events and facts gather before they are taken in: a commit costs as much for many as for one.
    static let gathering = Duration.milliseconds(20)

    private struct State {
        var database: DatabaseQueue
        /// Tells the file from one that another process made in its place.
        var identity: UInt64?
        var setAside: LedgerFile.SetAside?
        /// How many events were read from the queue into a file that was made again; nil before that is done.
        var refilled: Int?
        /// What this process has written since it was asked last.
        var changes = LedgerChanges.everything
    }

    private let file: LedgerFile
    private let state: Mutex<State>
    private let logger: Logger

    /// Sets a file aside that cannot be used, and makes it again, empty: ``needsRefill``.
    /// - Throws: ``DeploymentLedgerError`` when that is not possible, or a newer version wrote the file.
    init(path: String, logger: Logger) throws(DeploymentLedgerError) {
        file = LedgerFile(path: path)
        self.logger = logger
        let (database, setAside) = try file.open()
        state = Mutex(State(database: database, identity: file.identity, setAside: setAside))
        warn(setAside)
    }

    /// Closes the file, also where something still holds the ledger. Nothing can be recorded afterwards.
    func close() {
        do {
            try state.withLock(\.database).close()
        } catch {
            logger.debug("the deployments cannot be closed", metadata: ["error": "\(error)"])
        }
    }

    // MARK: A file that fails

    /// Runs `body`; a file that proves to be damaged is replaced by an empty one.
    /// - Throws: ``DeploymentLedgerError``, also when the file was replaced: then the ledger has to be filled again.
    func perform<Result: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Result
    ) async throws -> Result {
        let database = state.withLock(\.database)
        do {
            return try await database.write(body)
        } catch let error as DatabaseError {
            let error = DeploymentLedgerError(path: file.path, error)
            if error.canBeMadeAgain { try replace(database, because: error) }
            throw error
        }
    }

    private func replace(_ failed: DatabaseQueue, because error: DeploymentLedgerError) throws(DeploymentLedgerError) {
        let (current, identity) = state.withLock { ($0.database, $0.identity) }
        guard current === failed else { return }
        let (database, setAside) = try file.reopen(after: error, identity: identity)
        state.withLock { state in
            state.database = database
            state.identity = file.identity
            state.changes = .everything
            if let setAside { (state.setAside, state.refilled) = (setAside, nil) }
        }
        try? failed.close()
        warn(setAside)
    }

    private func warn(_ setAside: LedgerFile.SetAside?) {
        guard let setAside else { return }
        logger.error(
            "the deployments could not be used: set aside, and made again from the queue",
            metadata: ["file": "\(setAside.name)", "error": "\(setAside.problem)"])
    }

    /// Notes that the file was made again.
    func report(to readiness: inout Readiness) {
        let (setAside, refilled) = state.withLock { ($0.setAside, $0.refilled) }
        guard let setAside else { return }
        let progress = refilled.map { "made again from \($0) events of the queue" } ?? "being made again from the queue"
        readiness.notes.append(
            "deployments: the file could not be used (\(setAside.problem)) and is kept as \(setAside.name); \(progress)"
        )
    }

    // MARK: Filling it from the queue

    /// Whether the file was replaced and has not been filled since. Costs no look at the file.
    var wasReplaced: Bool { state.withLock { $0.setAside != nil && $0.refilled == nil } }

    /// Whether the file is new, and what its route took from the queue before has to be read into it.
    var needsRefill: Bool {
        get async throws { try await perform(LedgerFile.isIncomplete) }
    }

    /// Takes events in that were counted before.
    func learn(_ events: [(Event, MessageID)]) async throws {
        let fresh = try await perform { database in
            try events.filter { event, id in try Self.record(event, id: id, receivedAt: nil, database) != nil }
        }
        note { changes in
            for (event, _) in fresh { changes.note(event) }
        }
    }

    /// Everything that was taken from the queue before is known now.
    func complete(after count: Int) async throws {
        try await perform(LedgerFile.markComplete)
        state.withLock { $0.refilled = count }
    }

    // MARK: Facts

    /// Takes an event in.
    /// - Parameter receipt: when the queue took it. It stands for the time of a push that is not believed.
    /// - Returns: nil when it was known.
    func record(_ event: Event, id: MessageID, receivedAt receipt: Timestamp = .now()) async throws -> Entry? {
        let entry = try await perform { database in
            try Self.record(event, id: id, receivedAt: receipt, database)
        }
        if entry != nil { note { $0.note(event) } }
        return entry
    }

    /// Remembers what came, for ``takeChanges()``.
    func note(_ body: (inout LedgerChanges) -> Void) {
        state.withLock { body(&$0.changes) }
    }

    /// What this process has written since this was called last; everything at first, and when the file was made again.
    func takeChanges() -> LedgerChanges {
        state.withLock { state in
            defer { state.changes = LedgerChanges() }
            return state.changes
        }
    }

    /// - Parameter receipt: nil where it is not known any more: a push whose time is not believed is not known then.
    static func record(
        _ event: Event, id: MessageID, receivedAt receipt: Timestamp?, _ database: Database
    ) throws -> Entry? {
        if let receipt, try LedgerRetention.isForgotten(receipt, database) { return nil }
        let known = receipt ?? .now()
        let isPlausible = EventTime.isPlausible(event.occurredOn, at: known)
        switch event {
        case .commitPushed(let push):
            guard let time = isPlausible ? push.occurredOn : receipt else { return nil }
            return try record(push, at: time, receivedAt: known, database)
        case .commitDeployed(let deployment):
            return try record(deployment, id: id, succeeded: true, isPlausible, receivedAt: known, database)
        case .deploymentFailed(let deployment):
            return try record(deployment, id: id, succeeded: false, isPlausible, receivedAt: known, database)
        case .incidentOpened, .incidentResolved: return nil
        }
    }

    /// Forgets one piece of what was received before `time`.
    /// - Returns: 0 when there is nothing left to forget.
    func forget(before time: Timestamp) async throws -> Int {
        try await perform { database in try LedgerRetention.forget(before: time, database) }
    }

    /// The last deployments, newest first, at most `limit`.
    func latest(limit: Int) async throws -> [Latest] {
        try await perform { database in
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT service, environment, MAX(CASE WHEN succeeded THEN deployed_at END) AS at
                    FROM deployments WHERE plausible GROUP BY service, environment
                    ORDER BY MAX(deployed_at) DESC LIMIT ?
                    """, arguments: [limit])
            // The file can be edited by hand: what is not what it should be is passed over.
            return rows.compactMap { row in
                guard let service = String.fromDatabaseValue(row[0]),
                    let environment = String.fromDatabaseValue(row[1])
                else { return nil }
                return Latest(
                    service: service, environment: environment,
                    at: Int64.fromDatabaseValue(row[2]).map { Timestamp(millisecondsSince1970: $0) })
            }
        }
    }

    /// The last deployment of each service to each environment, newest first, at most `limit`, and whether what was deployed is
    /// in production.
    func newest(limit: Int) async throws -> [Snapshot.Deployment] {
        try await perform { database in
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT service, environment, commit_id, deployed_at, succeeded,
                        EXISTS (
                            SELECT 1 FROM deployments AS other
                            WHERE other.service = last.service AND other.environment = 'production' AND other.succeeded
                                AND other.commit_id = last.commit_id)
                    FROM (
                        SELECT *, ROW_NUMBER() OVER (
                            PARTITION BY service, environment ORDER BY deployed_at DESC, event_id DESC) AS place
                        FROM deployments WHERE plausible) AS last
                    WHERE place = 1 ORDER BY deployed_at DESC LIMIT ?
                    """, arguments: [limit])
            return rows.compactMap { row in
                guard let service = String.fromDatabaseValue(row[0]),
                    let environment = String.fromDatabaseValue(row[1]), let commit = String.fromDatabaseValue(row[2]),
                    let time = Int64.fromDatabaseValue(row[3]), let succeeded = Bool.fromDatabaseValue(row[4])
                else { return nil }
                return Snapshot.Deployment(
                    service: service, environment: environment, commit: commit,
                    time: Timestamp(millisecondsSince1970: time), succeeded: succeeded,
                    isInProduction: environment == "production" ? nil : Bool.fromDatabaseValue(row[5]))
            }
        }
    }

    private static func record(
        _ push: CommitPushed, at time: Timestamp, receivedAt receipt: Timestamp, _ database: Database
    ) throws -> Entry? {
        // A fact may have told of the commit before.
        let statement = try database.cachedStatement(
            sql: """
                INSERT INTO pushes (commit_id, repository, pushed_at, received_at) VALUES (?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET is_counted = 1 WHERE NOT is_counted
                """)
        try statement.execute(arguments: [
            push.id, push.repository ?? "", time.millisecondsSince1970, receipt.millisecondsSince1970,
        ])
        return database.changesCount > 0 ? Entry() : nil
    }

    private static func record(
        _ deployment: Deployment, id: MessageID, succeeded: Bool, _ isPlausible: Bool, receivedAt receipt: Timestamp,
        _ database: Database
    ) throws -> Entry? {
        let statement = try database.cachedStatement(
            sql: """
                INSERT OR IGNORE INTO deployments
                    (event_id, service, environment, commit_id, deployed_at, succeeded, plausible, received_at, repository,
                    is_told)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, EXISTS (SELECT 1 FROM deployment_facts WHERE event_id = ?1))
                """)
        try statement.execute(arguments: [
            id.description, deployment.serviceName, deployment.env, deployment.id,
            deployment.occurredOn.millisecondsSince1970, succeeded, isPlausible,
            receipt.millisecondsSince1970, deployment.repository,
        ])
        guard database.changesCount > 0 else { return nil }
        guard succeeded else { return Entry(isPlausible: isPlausible) }
        guard isPlausible else { return Entry(gap: .implausibleTime, isPlausible: false) }
        var entry = Entry(timeToRestore: try timeToRestore(by: deployment, database))
        switch try LeadTime.find(for: deployment, in: database) {
        case .success(let leadTime): entry.leadTime = leadTime
        case .failure(let gap): entry.gap = gap
        }
        return entry
    }

    /// A failure that is heard of only after the deployment that mended it counts for none.
    private static func timeToRestore(by deployment: Deployment, _ database: Database) throws -> Duration? {
        // Compared with numbers, so that the index is read at one place: a bare `succeeded` reads all deployments of the service.
        let failedAt = try Int64.fetchOne(
            database.cachedStatement(
                sql: """
                    SELECT MIN(deployed_at) FROM deployments
                    WHERE service = ?1 AND environment = ?2 AND succeeded = 0 AND plausible AND deployed_at <= ?3
                        AND deployed_at > coalesce((
                            SELECT MAX(deployed_at) FROM deployments
                            WHERE service = ?1 AND environment = ?2 AND succeeded = 1 AND plausible
                                AND deployed_at < ?3), -1)
                    """),
            arguments: [deployment.serviceName, deployment.env, deployment.occurredOn.millisecondsSince1970])
        return failedAt.map {
            .milliseconds(deployment.occurredOn.milliseconds(since: Timestamp(millisecondsSince1970: $0)))
        }
    }
}
extension Deployment {
    /// The service, or the repository where the source did not say: what deployments are counted by.
    var serviceName: String { service ?? repository ?? "unknown" }
}
