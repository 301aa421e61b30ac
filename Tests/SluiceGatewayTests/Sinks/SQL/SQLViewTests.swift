import Foundation
import GRDB
import GatewayTestSupport
import Sluice
import SluiceTesting
import Testing

@testable import SluiceGateway

/// The views of a sink's file, and the queries of its page, over a small history.
@Suite(.timeLimit(.minutes(5))) struct SQLViewTests {
    private let directory: TemporaryDirectory
    private let page: String

    init() throws {
        directory = try TemporaryDirectory()
        page = try String(contentsOf: Repository.file("docs/SQL-SINK.md"), encoding: .utf8)
    }

    private func time(_ hour: Int) -> Timestamp {
        Timestamp(millisecondsSince1970: 1_767_225_600_000 + Int64(hour) * 3_600_000)
    }

    private func push(_ commit: String, _ hour: Int, author: String = "ann", repository: String = "octo/hello") -> Event
    {
        .commitPushed(
            CommitPushed(
                id: commit, message: "Change \(commit)", author: author, occurredOn: time(hour), repository: repository,
                ref: "refs/heads/main"))
    }

    private func deployed(
        _ commit: String, _ hour: Int, _ environment: String, service: String? = "shop", repository: String? = nil,
        succeeds: Bool = true
    ) -> Event {
        let deployment = Deployment(
            id: commit, env: environment, occurredOn: time(hour), service: service, repository: repository)
        return succeeds ? .commitDeployed(deployment) : .deploymentFailed(deployment)
    }

    private var history: [Event] {
        [
            push("aaaa1111", 0), push("bbbb2222", 1, author: "bob"), push("feed3333", 25),
            push("aaaa1111", 2, repository: "other/fork"),
            deployed("aaaa1111", 3, "staging"), deployed("aaaa1111", 4, "production"),
            // A tool that shortens, and one that deploys again.
            deployed("bbbb", 5, "staging"), deployed("bbbb", 6, "production", succeeds: false),
            deployed("bbbb2222", 9, "production"), deployed("bbbb2222", 12, "production"),
            deployed("feed3333", 26, "staging", repository: "octo/hello"),
            deployed("cccc", 30, "staging", service: nil, repository: "octo/tool"),
        ]
    }

    private func withHistory<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws
        -> Value
    {
        let file = SQLFile(path: directory.path + "/history.db")
        let sink = SQLSink(file, retention: nil, hold: .seconds(1))
        try await sink.write(history.map { SinkDelivery($0) })
        await sink.close()
        let database = try file.open().database
        defer { try? database.close() }
        return try await database.read(body)
    }

    /// Rows as texts, their columns separated by bars.
    private static func rows(_ database: Database, _ sql: String) throws -> [String] {
        try Row.fetchAll(database, sql: sql).map { row in
            row.map { $1.isNull ? "–" : "\($1.storage.value ?? "")" }.joined(separator: "|")
        }
    }

    @Test func tellsWhatIsLiveAndWhatIsMissingInProduction() async throws {
        let live = try await withHistory { database in
            try Self.rows(database, "SELECT service, environment, commit_id FROM last_deployments ORDER BY 1, 2")
        }
        #expect(live == ["octo/tool|staging|cccc", "shop|production|bbbb2222", "shop|staging|feed3333"])
        let missing = try await withHistory { database in
            try Self.rows(
                database,
                "SELECT service, environment, commit_id, production_commit_id FROM not_in_production ORDER BY 1")
        }
        #expect(missing == ["octo/tool|staging|cccc|–", "shop|staging|feed3333|bbbb2222"])
    }

    @Test func whatWasDeployedToProductionUnderAShortenedNameIsNotMissing() async throws {
        let file = SQLFile(path: directory.path + "/other.db")
        let sink = SQLSink(file, retention: nil, hold: .seconds(1))
        try await sink.write(
            [deployed("abcdef12", 1, "staging"), deployed("abcd", 2, "production")].map { SinkDelivery($0) })
        await sink.close()
        let database = try file.open().database
        let missing = try await database.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM not_in_production") }
        #expect(missing == 0)
        try database.close()
    }

    @Test func aLeadTimeIsToTheFirstDeploymentThatSucceeded() async throws {
        let times = try await withHistory { database in
            try Self.rows(
                database,
                "SELECT commit_id, repository, environment, seconds FROM lead_times ORDER BY committed, environment")
        }
        #expect(
            times == [
                "aaaa1111|octo/hello|production|14400.0", "aaaa1111|octo/hello|staging|10800.0",
                "bbbb2222|octo/hello|production|28800.0", "bbbb2222|octo/hello|staging|14400.0",
                "aaaa1111|other/fork|production|7200.0", "aaaa1111|other/fork|staging|3600.0",
                "feed3333|octo/hello|staging|3600.0",
            ])
    }

    @Test func daysAreCounted() async throws {
        let days = try await withHistory { database in
            try Self.rows(database, "SELECT * FROM pushes_by_day ORDER BY 1, 2")
                + Self.rows(database, "SELECT * FROM deployments_by_day WHERE environment = 'production'")
        }
        #expect(
            days == [
                "2026-01-01|octo/hello|2|2", "2026-01-01|other/fork|1|1", "2026-01-02|octo/hello|1|1",
                "2026-01-01|shop|production|3|1",
            ])
    }

    @Test func everyQueryOfThePageFindsSomething() async throws {
        let queries = page.components(separatedBy: "```sql\n").dropFirst().compactMap {
            $0.components(separatedBy: "```").first
        }
        #expect(queries.count >= 7)
        for query in queries {
            let rows = try await withHistory { try Self.rows($0, query) }
            #expect(!rows.isEmpty, "\(query)")
        }
        let medians = try await withHistory { database in
            try Self.rows(database, queries.first { $0.contains("median") } ?? "")
        }
        // 2, 4 and 8 hours: the middle one, and the longest.
        #expect(medians == ["2026-01|3|4.0|8.0"])
    }

    @Test func thePageIsCurrentAndNamesEveryView() throws {
        let isCurrent = try SQLSinkDocuments.page(page) == page
        #expect(isCurrent, "docs/SQL-SINK.md is stale; run: make docs")
        for view in SQLView.all { #expect(page.contains("| `\(view.name)` |")) }
    }

    /// By a version to come, which adds a column.
    @Test func anOlderFileIsBroughtUpToDateAndKeepsItsRows() async throws {
        let file = SQLFile(path: directory.path + "/old.db")
        let sink = SQLSink(file, retention: nil, hold: .seconds(1))
        try await sink.deliver(SinkDelivery(push("aaaa", 1)))
        await sink.close()
        let database = try file.open().database
        let found = try await database.write { database in
            try database.execute(sql: "DROP VIEW pushes; CREATE VIEW mine AS SELECT 1")
            try SQLSchema.migrate(database, SQLSchema.steps + ["ALTER TABLE events ADD COLUMN more TEXT"])
            return try Self.rows(database, "SELECT commit_id, (SELECT count(*) FROM pushes), more FROM events, mine")
                + Self.rows(database, "PRAGMA user_version")
        }
        #expect(found == ["aaaa|1|–", "\(SQLSchema.version + 1)"])
        try database.close()
        // This version refuses it from now on.
        let error = #expect(throws: SQLSinkError.self) { try file.open() }
        #expect(error?.code == .newer)
    }
}
