import Foundation
import GatewayTestSupport
import SluiceTesting
import Testing

@testable import SluiceGateway

@Suite struct TerminalTraitsTests {
    @Test(
        arguments: [
            (80, [:], true, true), (80, ["NO_COLOR": ""], true, true), (80, ["NO_COLOR": "1"], false, true),
            (80, ["TERM": "dumb"], false, false), (80, ["TERM": "xterm"], true, true), (nil, [:], false, false),
            (nil, ["TERM": "xterm"], false, false),
        ] as [(Int?, [String: String], Bool, Bool)])
    func coloursAreForTerminalsUnlessTheyAreNotWanted(
        columns: Int?, environment: [String: String], hasColours: Bool, canRewrite: Bool
    ) {
        let traits = TerminalTraits(columns: columns, lines: columns, environment: environment)
        #expect(traits.hasColours == hasColours)
        #expect(traits.canRewrite == canRewrite)
        #expect(traits.isTerminal == (columns != nil))
        #expect(Colours(for: traits).paint("a", .good) == (hasColours ? "\u{1B}[32ma\u{1B}[0m" : "a"))
    }

    @Test func aPseudoTerminalIsOneAndAFileIsNone() throws {
        let terminal = try PseudoTerminal(columns: 71, lines: 9)
        let traits = TerminalTraits(of: terminal.handle.fileDescriptor, environment: [:])
        #expect(traits == TerminalTraits(columns: 71, lines: 9, hasColours: true, canRewrite: true))
        #expect(TerminalTraits(of: FileHandle.nullDevice.fileDescriptor, environment: [:]) == .plain)
        #expect(TerminalTraits(of: -1, environment: [:]) == .plain)
    }
}
