import Sluice

/// The commits of a report for a terminal, a line each. All rows are made twice, first to see how wide the columns are: there may be
/// a million.
struct ReportCommitTable {
    private let commits: CommitListing
    private let environments: [String]
    private let width: Int

    /// - Parameter width: of a line, in columns.
    init(_ commits: CommitListing, width: Int) {
        (self.commits, self.width) = (commits, width)
        environments = commits.environments
    }

    /// - Parameter output: takes the text in pieces.
    func write(to output: @escaping ([UInt8]) throws -> Void) throws {
        guard commits.count > 0 else {
            return try output(Array("No commit was pushed or deployed in this time.\n".utf8))
        }
        var columns = TextColumns(
            ["COMMIT", "REPOSITORY", "AUTHOR", "PUSHED"]
                + environments.map { $0.uppercased().replacingUnsafeCharacters() } + ["TITLE"])
        try commits.forEach { columns.measure(cells($0)) }
        columns.fit(width)
        var pieces = OutputPieces(output)
        func add(_ cells: [String]) throws {
            try pieces.add(columns.line(cells, width: width).utf8)
            try pieces.add("\n".utf8)
        }
        try add(columns.head)
        try commits.forEach { try add(cells($0)) }
        try pieces.finish()
    }

    private func cells(_ row: DeploymentReport.CommitRow) -> [String] {
        var cells = [
            ReportWords.short(row.commit.id), row.repository, row.commit.author,
            ReportWords.minute(row.commit.pushedAt),
        ]
        for environment in environments { cells.append(Self.cell(row, environment)) }
        cells.append(row.commit.title)
        return cells.map { $0.replacingUnsafeCharacters() }
    }

    /// When the commit came there and how long that took, by service where there are several.
    private static func cell(_ row: DeploymentReport.CommitRow, _ environment: String) -> String {
        let arrivals = row.arrivals.filter { $0.environment == environment }
        return arrivals.map { arrival in
            let name = arrivals.count > 1 ? "\(arrival.service): " : ""
            guard let at = arrival.at else { return "\(name)\(arrival.why ?? arrival.state.words)" }
            let lead = arrival.leadTime.map { ReportWords.duration($0) }
            return
                "\(name)\(ReportWords.minute(at)) (\([lead, arrival.why].compactMap(\.self).joined(separator: ", ")))"
        }.joined(separator: "; ")
    }
}

extension DeploymentReport.Arrival.State {
    /// For people.
    var words: String { rawValue.replacing("_", with: " ") }
}
