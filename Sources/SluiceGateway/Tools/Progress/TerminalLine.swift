import Foundation
import Synchronization

/// The last line of a terminal, which a progress bar holds while something takes long. What else goes to the terminal goes
/// through ``writing(_:)``, so that it never stands in one line with the bar.
public final class TerminalLine: Sendable {
    /// Standard error's.
    public static let standardError = TerminalLine(traits: { TerminalTraits(of: STDERR_FILENO) }) { bytes in
        // What cannot be shown does not end the work.
        try? BlockingDescriptor(number: STDERR_FILENO).write(bytes)
    }

    private let isShown = Mutex(false)
    private let readTraits: @Sendable () -> TerminalTraits
    private let output: @Sendable ([UInt8]) -> Void

    /// - Parameters:
    ///   - traits: asked before each line.
    ///   - output: where bytes go to.
    init(traits: @escaping @Sendable () -> TerminalTraits, output: @escaping @Sendable ([UInt8]) -> Void) {
        readTraits = traits
        self.output = output
    }

    var traits: TerminalTraits { readTraits() }

    /// Writes a line in the place of the one before.
    func draw(_ text: String) {
        isShown.withLock { isShown in
            isShown = true
            output(Array("\r\(text)\u{1B}[K".utf8))
        }
    }

    /// Removes what was drawn.
    func erase() { writing {} }

    /// Removes what was drawn and runs `body`, which writes to the same terminal. The bar comes back with its next change.
    public func writing(_ body: () -> Void) {
        isShown.withLock { isShown in
            if isShown { output(Array("\r\u{1B}[K".utf8)) }
            isShown = false
            body()
        }
    }
}
