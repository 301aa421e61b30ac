import Foundation
import SluiceGateway

/// Shows jobs until none of them runs any more: a line that is written over on a terminal, a line for each change elsewhere.
struct JobWatch {
    let directory: String

    func watch(_ ids: [Int64]) async throws {
        let isTerminal = TerminalTraits(of: STDERR_FILENO).canRewrite && ids.count == 1
        let tool = ReplayTool(directory: directory)
        do {
            try await Tool.untilSignal {
                try await tool.watch(ids) { line in
                    if isTerminal {
                        try? FileHandle.standardError.write(contentsOf: Data("\r\u{1B}[K\(line)".utf8))
                    } else {
                        Tool.say(line)
                    }
                }
            }
        } catch is CancellationError {
            if isTerminal { Tool.say("") }
            return Tool.say("the job goes on; `sluice replay list` shows it")
        } catch {
            if isTerminal { Tool.say("") }
            throw error
        }
        if isTerminal { Tool.say("") }
    }
}
