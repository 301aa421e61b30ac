import Foundation
import Sluice
import SluiceGateway
import Synchronization

/// The terminal as a full screen, and as it was before.
final class TerminalMode: Sendable {
    private let before: Mutex<termios>
    private let hasColours = Terminal.traits.hasColours

    /// - Throws: an error where standard input is no terminal.
    init() throws {
        var attributes = termios()
        guard tcgetattr(STDIN_FILENO, &attributes) == 0 else {
            throw ToolTerminalError(code: errno)
        }
        before = Mutex(attributes)
        SignalPipe.open()
        enter()
    }

    /// Every key at once and unseen, on the screen that leaves the other one as it was.
    func enter() {
        var raw = before.withLock(\.self)
        cfmakeraw(&raw)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw)
        write("\u{1B}[?1049h\u{1B}[?25l\u{1B}[2J")
    }

    /// As it was.
    func leave() {
        write("\u{1B}[0m\u{1B}[?25h\u{1B}[?1049l")
        var attributes = before.withLock(\.self)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &attributes)
    }

    func write(_ text: String) {
        try? Tool.write(Array(text.utf8))
    }

    func style(_ style: TopView.Line.Style) -> String {
        switch style {
        case .plain: ""
        case .head: "\u{1B}[1m"
        case .marked: "\u{1B}[7m"
        case .faint: hasColours ? "\u{1B}[2m" : ""
        case .well: hasColours ? "\u{1B}[32m" : ""
        case .warning: hasColours ? "\u{1B}[33m" : "\u{1B}[1m"
        case .error: hasColours ? "\u{1B}[31;1m" : "\u{1B}[1m"
        }
    }
}

/// The terminal cannot be used.
struct ToolTerminalError: Error, CustomStringConvertible {
    let code: Int32

    var description: String { "the terminal cannot be used: \(String(cString: strerror(code)))" }
}

/// Signals as bytes of a pipe, so that one `poll` waits for them too.
enum SignalPipe {
    private static let ends = Mutex<(reading: Int32, writing: Int32)>((-1, -1))
    /// What the handlers write to: they may take no lock.
    private static let writing = Atomic<Int32>(-1)

    static var reading: Int32 { ends.withLock(\.reading) }

    static func open() {
        var pair: [Int32] = [-1, -1]
        guard reading < 0, pipe(&pair) == 0 else { return }
        for end in pair {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        ends.withLock { $0 = (pair[0], pair[1]) }
        writing.store(pair[1], ordering: .releasing)
        for number in [SIGTERM, SIGINT, SIGHUP, SIGTSTP, SIGWINCH, SIGCONT] {
            signal(number) { SignalPipe.put(UInt8(truncatingIfNeeded: $0)) }
        }
    }

    static func wake() { put(0) }

    private static func put(_ byte: UInt8) {
        var byte = byte
        // A full pipe wakes as well.
        _ = Foundation.write(writing.load(ordering: .acquiring), &byte, 1)
    }

    /// The signals that have come; 0 is none.
    static func read() -> [Int32] {
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = Foundation.read(reading, &bytes, bytes.count)
        return count > 0 ? bytes.prefix(count).map(Int32.init) : []
    }
}
