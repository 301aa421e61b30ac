import Foundation
import Sluice

/// Jobs, as people read them.
enum RedriveText {
    static func counts(_ record: RedriveRecord) -> String {
        let progress = record.progress
        return "\(progress.counts), \(record.left) left of \(record.job.total)"
    }

    static func table(_ records: [RedriveRecord]) -> String {
        var rows = [
            ["JOB", "KIND", "TO", "STATE", "DONE", "FAILED", "PASSED OVER", "LEFT", "RATE", "BEGUN", "BY", "WHY"]
        ]
        for record in records {
            let (job, progress) = (record.job, record.progress)
            rows.append([
                "\(job.id)", job.kind.rawValue, job.name, progress.state.rawValue, "\(progress.delivered)",
                "\(progress.failed)", "\(progress.skipped)", "\(record.left)", job.rate.map(RateText.write) ?? "-",
                RFC3339.format(job.created), job.by, progress.why ?? "-",
            ])
        }
        return aligned(rows)
    }

    static func aligned(_ rows: [[String]]) -> String {
        guard let heads = rows.first else { return "" }
        let widths = heads.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                line += cell
                if column < row.count - 1 { line += String(repeating: " ", count: widths[column] - cell.count + 2) }
            }
            return line + "\n"
        }.joined()
    }

    /// A line about a job under way.
    /// - Parameter speed: messages a second, as it was seen lately; nil where that is not known yet.
    static func progress(_ record: RedriveRecord, speed: Double?) -> String {
        var line = "job \(record.job.id) \(record.progress.state.rawValue): \(counts(record))"
        if record.progress.state == .running, let speed, speed > 0 {
            line +=
                ", \(RateText.write((speed * 10).rounded() / 10)), "
                + "\(DurationText.rounded(seconds: Double(record.left) / speed)) to go"
        }
        if let why = record.progress.why { line += ": \(why)" }
        return line
    }
}
