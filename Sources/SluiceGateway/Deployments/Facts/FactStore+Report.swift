import Foundation
import GRDB
import Sluice

extension FactStore {
    /// The report of all facts of the file, at one moment. The titles of the few commits that it shows are read afterwards.
    func report(_ query: DeploymentReport.Query) throws -> DeploymentReport {
        try read { database, hasFacts in
            var history = DeploymentHistory(keepsTitles: query.listsCommits)
            let all = FactQuery(filter: FactFilter(), hasFacts: hasFacts, isSorted: false)
            try all.add(to: &history, database)
            var report = history.report(query)
            if !query.listsCommits, hasFacts {
                report.fillTitles(try Self.titles(of: report.shownCommits, database))
            }
            return report
        }
    }

    /// The titles in the first pushes of these commits, by their ids.
    private static func titles(
        of commits: [DeploymentReport.Commit], _ database: Database
    ) throws -> [String: String] {
        let wanted = Set(commits.map(\.id))
        let times = Set(commits.compactMap { $0.pushedAt?.millisecondsSince1970 })
        var titles: [String: String] = [:]
        let statement = try database.makeStatement(sql: "SELECT commits FROM push_facts WHERE pushed_at = ?")
        for time in times {
            let rows = try Data.fetchCursor(statement, arguments: [time])
            while let row = try rows.next() {
                let read = try? JSONReader.read(Array(row)) { (reader) throws(JSONError) in
                    try PushFact.readCommits(&reader)
                }
                for commit in read?.0 ?? [] where wanted.contains(commit.id) {
                    let title = TitleText.cut(commit.title)
                    titles[commit.id] = titles[commit.id].map { min($0, title) } ?? title
                }
            }
        }
        return titles
    }
}
