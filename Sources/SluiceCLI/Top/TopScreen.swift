import Foundation
import Sluice
import SluiceGateway
import Synchronization

/// Draws ``TopView`` on the terminal, on a thread of its own that waits for keys, signals, and answers.
final class TopScreen: Sendable {
    private struct State {
        var view = TopView()
        var signal: Int32?
    }

    private let state = Mutex(State())
    private let hasEnded = Completion()
    private let mode: TerminalMode

    /// - Throws: an error when the terminal cannot be used so.
    init() throws {
        mode = try TerminalMode()
        let thread = Thread { [self] in run() }
        thread.start()
    }

    func take(_ snapshot: Snapshot) {
        state.withLock { $0.view.take(snapshot) }
        SignalPipe.wake()
    }

    func fail(_ reason: String) {
        state.withLock { $0.view.fail(reason) }
        SignalPipe.wake()
    }

    /// What ended it, where that was a signal.
    var endingSignal: Int32? { state.withLock(\.signal) }

    /// Returns when the person has seen enough, and the terminal is as it was.
    func finish() async {
        await hasEnded.wait()
    }

    private func run() {
        var keys = KeyParser()
        draw()
        loop: while true {
            var waits = [
                pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0),
                pollfd(fd: SignalPipe.reading, events: Int16(POLLIN), revents: 0),
            ]
            // A key that begins like an escape sequence is over when nothing follows.
            let count = poll(&waits, 2, keys.isPending ? 50 : 1_000)
            if count < 0, errno != EINTR { break }
            if waits[1].revents != 0 {
                for signal in SignalPipe.read() where !obey(signal) { break loop }
            }
            var pressed: [TopView.Key] = []
            if waits[0].revents != 0 {
                var bytes = [UInt8](repeating: 0, count: 256)
                let count = Foundation.read(STDIN_FILENO, &bytes, bytes.count)
                guard count > 0 || count < 0 && errno == EINTR else { break }
                if count > 0 { pressed = keys.take(bytes.prefix(count)) }
            } else if count == 0 {
                pressed = keys.flush()
            }
            for key in pressed where state.withLock({ $0.view.press(key) }) == .quit { break loop }
            if pressed.contains(.character("\u{1A}")) { suspend() }
            if pressed.contains(.character("\u{03}")) { break }
            draw()
        }
        mode.leave()
        hasEnded.occur()
    }

    /// - Returns: whether to go on.
    private func obey(_ signal: Int32) -> Bool {
        switch signal {
        case SIGTSTP: suspend()
        case SIGTERM, SIGINT, SIGHUP:
            state.withLock { $0.signal = signal }
            return false
        default: break
        }
        return true
    }

    /// Gives the terminal back, and stops until the shell lets it go on.
    private func suspend() {
        mode.leave()
        kill(getpid(), SIGSTOP)
        mode.enter()
    }

    private func draw() {
        guard let size = Terminal.size else { return }
        let frame = state.withLock { $0.view.frame(columns: size.columns, lines: size.lines) }
        var text = "\u{1B}[H"
        for (index, line) in frame.enumerated() {
            text += mode.style(line.style) + line.text + "\u{1B}[0m\u{1B}[K"
            if index < frame.count - 1 { text += "\r\n" }
        }
        mode.write(text)
    }
}
