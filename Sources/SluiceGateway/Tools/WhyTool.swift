import Foundation
import Sluice
import SluiceSQLite

/// `sluice why`: the whole story of a message.
public struct WhyTool: Sendable {
    /// A story, in both forms.
    public struct Report: Sendable {
        /// For people.
        public let text: String
        /// One line: docs/WHY.md.
        public let json: String
    }

    private let directory: String

    /// - Parameter directory: the gateway's data directory.
    public init(directory: String) {
        self.directory = directory
    }

    /// What a gateway tells that runs there; without one what its files tell.
    /// - Parameter id: a message's, a commit's (or at least 7 of its first digits), what ties messages together, the
    ///   `X-GitHub-Delivery` of a webhook, or an incident's id.
    /// - Throws: ``NoGatewayError`` where there is neither a gateway nor a journal; ``CommandError`` and ``ToolError``, also where
    ///   nothing is known of the id.
    public func story(of id: String) async throws -> Report {
        let client = ControlClient(directory: directory)
        if let answer = try await client.askLeader(ControlRequest(.why, ["id": id])) {
            return Report(
                text: answer.text ?? "", json: String(decoding: answer.items.first ?? [], as: UTF8.self) + "\n")
        }
        let journal = "\(directory)/\(JournalFile.name)"
        guard FileManager.default.fileExists(atPath: journal) else { throw NoGatewayError(directory) }
        do {
            let stories = try await teller(journal).stories(of: id)
            return Report(
                text: "no gateway runs: this is what its files say\n\n" + stories.text,
                json: String(decoding: stories.json, as: UTF8.self) + "\n")
        } catch {
            throw ToolError("\(error)")
        }
    }

    private func teller(_ journal: String) -> StoryTeller {
        let log = DataDirectory.logFile(at: directory)
        let groups = (try? SQLiteLog.groups(inFile: log)) ?? []
        let sinks = groups.filter { UnreadGroup.isSinks($0.name) }.map { group in
            StoryTeller.Sink(
                route: group.name, name: nil, destination: nil,
                part: group.topic == SQLiteQueue.factsTopic ? .incidents : .whole)
        }
        return StoryTeller(
            journal: JournalReader(path: journal, isLive: false),
            queue: sinks.isEmpty ? .none : .file(log, SQLiteQueue.eventsTopic),
            facts: sinks.isEmpty ? .none : .file(log, SQLiteQueue.factsTopic), sinks: { sinks },
            outlook: { _ in SinkOutlook(isRunning: false) })
    }
}
