import Foundation
import GRDB
import Sluice

extension FactStore {
    /// The report of all facts of the file, at one moment. Authors and titles of the few commits that it shows are read afterwards.
    func report(_ query: DeploymentReport.Query) throws -> DeploymentReport {
        var query = query
        query.texts = StoredTexts(store: self, repository: query.repository)
        return try read { database, hasFacts in
            var history = DeploymentHistory(keepsTexts: false)
            let all = FactQuery(filter: FactFilter(), hasFacts: hasFacts, isSorted: false)
            try all.add(to: &history, database)
            var report = history.report(query)
            if hasFacts { report.fill(try Self.texts(of: report.shownCommits, database)) }
            return report
        }
    }

    /// What the first pushes of these commits say of them, by their ids.
    private static func texts(
        of commits: [DeploymentReport.Commit], _ database: Database
    ) throws -> [String: CommitText] {
        let wanted = Set(commits.compactMap { CommitHash($0.id) })
        let times = Set(commits.compactMap { $0.pushedAt?.millisecondsSince1970 })
        var texts: [String: CommitText] = [:]
        let statement = try database.makeStatement(sql: "SELECT commits FROM push_facts WHERE pushed_at = ?")
        for time in times {
            let rows = try Row.fetchCursor(statement, arguments: [time])
            while let row = try rows.next() {
                try row.withUnsafeData(atIndex: 0) { commits in
                    commits?.withUnsafeBytes { bytes in
                        PushFact.forEachText(in: bytes.bindMemory(to: UInt8.self)) { hash, text in
                            guard wanted.contains(hash), texts[hash.text].map(text.precedes) ?? true else { return }
                            texts[hash.text] = text
                        }
                    }
                }
            }
        }
        return texts
    }
}
