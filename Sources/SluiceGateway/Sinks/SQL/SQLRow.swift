import GRDB
import Sluice

/// An event as a row of the table `events`.
struct SQLRow: Sendable {
    private let values: [String?]

    /// - Parameter recorded: when it is written.
    init(_ delivery: SinkDelivery, recorded: Timestamp) {
        let event = delivery.event
        var (ref, author, message, url): (String?, String?, String?, String?)
        if case .commitPushed(let push) = event {
            (ref, author, message, url) = (push.ref, push.author, push.message, push.url)
        }
        values = [
            delivery.id.description, event.kind.rawValue, RFC3339.format(event.occurredOn), RFC3339.format(recorded),
            event.commit, event.repository, event.branch, ref, author, message, url, event.service, event.environment,
        ]
    }

    private static let sql = """
        INSERT INTO events (id, kind, time, recorded, commit_id, repository, branch, ref, author, message, url, service,
            environment)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING
        """

    func insert(into database: Database) throws {
        try database.cachedStatement(sql: Self.sql).execute(arguments: StatementArguments(values))
    }
}
