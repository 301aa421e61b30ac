import Foundation
import GRDB
package import Sluice

/// Reads the facts that the gateway's file of deployments keeps, beside the gateway that writes it, or without one.
package struct FactStore: Sendable {
    /// The file, `deployments.sqlite` in the data directory.
    package let path: String
    /// Whether a process may be writing the file. Where none does, what a killed one left is brought into the file first.
    package var isLive: Bool

    package init(path: String, isLive: Bool = true) {
        self.path = path
        self.isLive = isLive
    }

    /// The facts of a span of time: pushes by when they were pushed, deployments by when they were finished, each in the order of
    /// time, and then the incidents that were open then.
    /// - Parameters:
    ///   - since: nil is from the beginning.
    ///   - until: what came then or later is left out; nil is to the end.
    /// - Throws: ``DeploymentLedgerError``.
    package func facts(
        since: Timestamp? = nil, until: Timestamp? = nil, where filter: FactFilter = FactFilter()
    ) throws -> [Fact] {
        var facts: [Fact] = []
        try forEach(since: since, until: until, where: filter) { facts.append($0) }
        return facts
    }

    /// Hands over the same facts one after the other: a million of them need not be in memory at once.
    package func forEach(
        since: Timestamp? = nil, until: Timestamp? = nil, where filter: FactFilter = FactFilter(),
        _ body: (Fact) throws -> Void
    ) throws {
        try read { database, hasFacts in
            let query = FactQuery(since: since, until: until, filter: filter, hasFacts: hasFacts)
            try query.forEach(database, body)
        }
    }

    func read<Result>(_ body: (_ database: Database, _ hasFacts: Bool) throws -> Result) throws -> Result {
        // SQLite would make the file.
        guard FileManager.default.fileExists(atPath: path) else {
            throw DeploymentLedgerError(path: path, problem: "there is no such file", canBeMadeAgain: false)
        }
        do {
            var configuration = Configuration()
            configuration.readonly = isLive
            configuration.busyMode = .timeout(5)
            let database = try DatabaseQueue(path: path, configuration: configuration)
            defer { try? database.close() }
            return try database.read { database in try body(database, try Self.hasFacts(database)) }
        } catch let error as DatabaseError {
            throw DeploymentLedgerError(path: path, error)
        }
    }

    /// A file that an earlier release wrote has events alone, until a gateway of this one has opened it.
    private static func hasFacts(_ database: Database) throws -> Bool {
        try database.tableExists("push_facts")
    }
}
