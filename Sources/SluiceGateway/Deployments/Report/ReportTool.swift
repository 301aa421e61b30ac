import Foundation
public import Sluice
import SluiceSQLite
import Synchronization

/// `sluice report deployments`: reads facts, and writes the report of them.
public struct ReportTool: Sendable {
    /// Where the facts are read.
    public enum Origin: Sendable {
        /// What the gateway keeps in this data directory, whether it runs or not.
        case directory(String)
        /// A broker's topic, from its beginning to what is there now.
        case queue(BrokerAddress, Topic)
        /// Lines of JSON, a fact each: docs/DEPLOYMENTS.md.
        case lines(@Sendable () throws -> [UInt8])
    }

    /// How the report is written.
    public enum Format: String, Sendable, CaseIterable {
        case table, json, csv, html
    }

    /// From when. Default: 90 days before ``until``.
    public var since: Timestamp?
    /// Until when, without that moment. Default: now.
    public var until: Timestamp?
    public var repository: String?
    public var service: String?
    public var environment: String?
    /// Whether commits are listed instead of deployments.
    public var listsCommits = false
    public var format = Format.table
    /// Of the table's lines, in columns.
    public var width = Int.max

    public init() {}

    /// The whole report at once.
    /// - Throws: ``ToolError``.
    public func run(_ origin: Origin, now: Timestamp = .now()) async throws -> [UInt8] {
        let whole = Mutex<[UInt8]>([])
        try await run(origin, now: now) { piece in whole.withLock { $0 += piece } }
        return whole.withLock(\.self)
    }

    /// - Parameter output: takes the report in pieces: a list of commits may be larger than the memory.
    /// - Throws: ``ToolError``, and what `output` throws.
    public func run(
        _ origin: Origin, now: Timestamp = .now(), to output: @escaping @Sendable ([UInt8]) throws -> Void
    ) async throws {
        let until = until ?? now
        let since = since ?? until.advanced(by: .seconds(-90 * 86_400))
        guard since < until else { throw ToolError("--since: expected a time before --until") }
        var query = DeploymentReport.Query(period: .init(from: since, to: until), now: now)
        query.repository = repository
        query.service = service
        query.environment = environment
        query.listsCommits = listsCommits
        query.isDrawn = format == .html
        if case .directory(let directory) = origin { return try write(try report(query, directory), output) }
        try write(try await history(origin).report(query), output)
    }

    private func write(_ report: DeploymentReport, _ output: @escaping ([UInt8]) throws -> Void) throws {
        switch format {
        case .table: try ReportTable(report, width: width).write(to: output)
        case .json: try ReportJSON(report).write(to: output)
        case .csv: try ReportCSV(report).write(to: output)
        case .html: try output(Array(ReportPage(report).text().utf8))
        }
    }

    // MARK: Reading

    private func history(_ origin: Origin) async throws -> DeploymentHistory {
        switch origin {
        case .directory(let directory): try store(directory).history()
        case .queue(let address, let topic): try await read(address, topic)
        case .lines(let read): try self.read(LineReader(read))
        }
    }

    /// All facts are read, whatever the period: what a deployment brings depends on what was before it.
    private func report(_ query: DeploymentReport.Query, _ directory: String) throws -> DeploymentReport {
        let store = try store(directory)
        do {
            return try store.report(query)
        } catch {
            throw ToolError("\(error)")
        }
    }

    private func store(_ directory: String) throws(ToolError) -> FactStore {
        let path = "\(directory)/\(DataDirectory.deploymentsName)"
        guard FileManager.default.fileExists(atPath: path) else {
            throw ToolError(
                "no gateway keeps its data in \(directory): there is no \(path)", exitStatus: ExitStatus.noGateway)
        }
        return FactStore(path: path)
    }

    private func read(_ lines: LineReader) throws -> DeploymentHistory {
        var (lines, history, number) = (lines, DeploymentHistory(), 0)
        while let batch = try lines.next() {
            for line in batch {
                number += 1
                guard line.contains(where: { $0 > 0x20 }) else { continue }
                do {
                    history.add(try FactLine.read(line))
                } catch {
                    throw ToolError("line \(number): \(error)", exitStatus: ExitStatus.faultyFile)
                }
            }
        }
        return history
    }

    private func read(_ address: BrokerAddress, _ topic: Topic) async throws -> DeploymentHistory {
        switch address {
        case .sqlite(let path):
            var history = DeploymentHistory()
            try read(SQLiteLogView(path: DataDirectory.logFile(at: path)), topic) { history.add($0) }
            return history
        case .kafka(let client): return try await read(client, topic)
        case .amqp, .http: throw ToolError("facts are kept on the log or on Kafka: sqlite:PATH or kafka://HOST:PORT")
        }
    }

    private func read(_ log: SQLiteLogView, _ topic: Topic, _ body: (Fact) -> Void) throws {
        guard try log.lastOffset(in: topic) != nil else {
            throw ToolError("the log has no topic \(topic): no fact was ever taken in there")
        }
        var offset: Int64 = 0
        while true {
            let batch = try log.messages(in: topic, after: offset, limit: 4_096)
            guard let last = batch.last else { return }
            for logged in batch {
                if let fact = try? Fact(logged.message) { body(fact) }
            }
            offset = last.offset
        }
    }
}
