import ArgumentParser
import Foundation
import Sluice
import SluiceGateway

/// `sluice top`: how a running gateway is, live.
struct TopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top", abstract: "Watch a running gateway, full screen.",
        discussion: """
            Shows what the status page shows: the verdict, sources, queue and sinks; a box opens to its policy, failures and waits.
            Keys: q quits, arrows move, enter opens, escape goes back, s sorts, / filters, p pauses. Colours obey NO_COLOR.
            \(GatewayOptions.discussion)

              sluice top
              sluice top --address 10.0.0.7:8081 --token-file /run/secrets/metrics --interval 5
            """)

    @OptionGroup
    var gateway: GatewayOptions

    @Option(name: .long, help: ArgumentHelp("How often the gateway is asked.", valueName: "seconds"))
    var interval = "2"

    func run() async throws {
        let interval = try Arguments.seconds(interval, "--interval", 0.1...3_600)
        guard TerminalTraits(of: STDIN_FILENO).isTerminal, Terminal.size != nil else {
            throw UsageError("top needs a terminal; `sluice status` prints once")
        }
        let tool = try gateway.tool()
        try await Tool.run {
            let screen = try TopScreen()
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    while !Task.isCancelled {
                        do throws(StatusTool.Failure) {
                            screen.take(try await tool.ask().snapshot)
                        } catch {
                            screen.fail("\(error)")
                        }
                        try? await Task.sleep(for: interval)
                    }
                }
                await screen.finish()
                group.cancelAll()
            }
            await tool.close()
            if let signal = screen.endingSignal { throw ExitCode(128 + signal) }
        }
    }
}
