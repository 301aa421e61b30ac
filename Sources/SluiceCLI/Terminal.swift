import Foundation
import SluiceGateway

/// What standard output is.
enum Terminal {
    static var traits: TerminalTraits { TerminalTraits(of: STDOUT_FILENO) }

    /// How many columns and lines it has; nil where it is no terminal.
    static var size: (columns: Int, lines: Int)? {
        let traits = traits
        guard let columns = traits.columns, let lines = traits.lines else { return nil }
        return (columns, lines)
    }

    static var width: Int? { size?.columns }

    static var colours: Colours { Colours(for: traits) }
}
