import Foundation

/// What standard output is.
enum Terminal {
    /// How many columns and lines it has; nil where it is no terminal.
    static var size: (columns: Int, lines: Int)? {
        var size = winsize()
        guard isatty(STDOUT_FILENO) == 1, ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
            return nil
        }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    static var width: Int? { size?.columns }
}
