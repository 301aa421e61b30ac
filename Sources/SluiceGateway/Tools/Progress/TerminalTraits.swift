public import Foundation

/// What can be shown where text goes to. The one place that tells a terminal from a pipe or a file, and decides on colours.
public struct TerminalTraits: Sendable, Equatable {
    /// How many columns a line has; nil where it is no terminal.
    public var columns: Int?
    /// How many lines it has; nil where it is no terminal.
    public var lines: Int?
    /// Whether text may be coloured: on a terminal, unless it is a dumb one or `NO_COLOR` is set (<https://no-color.org>).
    public var hasColours: Bool
    /// Whether a line can be written again.
    public var canRewrite: Bool

    /// No terminal.
    public static let plain = TerminalTraits(columns: nil, lines: nil, hasColours: false, canRewrite: false)

    public var isTerminal: Bool { columns != nil }

    init(columns: Int?, lines: Int?, hasColours: Bool, canRewrite: Bool) {
        self.columns = columns
        self.lines = lines
        self.hasColours = hasColours
        self.canRewrite = canRewrite
    }

    /// - Parameters:
    ///   - columns: nil for no terminal.
    ///   - environment: `NO_COLOR`, set and not empty, means no colours; `TERM` says whether it is a dumb one.
    init(columns: Int?, lines: Int?, environment: [String: String]) {
        let isDumb = columns == nil || environment["TERM"] == "dumb"
        let wantsNone = environment["NO_COLOR"].map { !$0.isEmpty } ?? false
        self.init(
            columns: columns, lines: lines, hasColours: !isDumb && !wantsNone, canRewrite: !isDumb)
    }

    /// What a descriptor is now: a window may change its size at any time.
    public init(of descriptor: Int32, environment: [String: String] = ProcessInfo.processInfo.environment) {
        var size = winsize()
        guard isatty(descriptor) == 1 else {
            self = .plain
            return
        }
        // Serial lines and some ptys do not say.
        let isKnown = ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
        self.init(
            columns: isKnown ? Int(size.ws_col) : 80, lines: isKnown ? Int(size.ws_row) : 24, environment: environment)
    }
}
