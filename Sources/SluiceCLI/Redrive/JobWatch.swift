import Foundation
import SluiceGateway

/// Shows jobs until none of them runs any more: a bar on a terminal, a line for each change elsewhere.
struct JobWatch {
    let directory: String

    func watch(_ ids: [Int64]) async throws {
        let showsBar = TerminalTraits(of: STDERR_FILENO).canRewrite && ids.count == 1
        let tool = ReplayTool(directory: directory)
        do {
            try await Tool.untilSignal {
                var bar: ProgressBar?
                defer { bar?.finish() }
                try await tool.watch(ids) { report in
                    guard showsBar, report.isRunning else {
                        bar?.finish()
                        return report.isNews ? Tool.say(report.text) : ()
                    }
                    if bar == nil {
                        bar = ProgressBar("job \(report.job)", total: report.total, done: report.done)
                    }
                    bar?.update(report.done, of: report.total)
                }
            }
        } catch is CancellationError {
            Tool.say("the job goes on; `sluice replay list` shows it")
        }
    }
}
