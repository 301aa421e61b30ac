import Sluice

/// One client of the control socket: what it has sent, what it is sent, and until when. A state machine without I/O.
struct ControlConnection {
    /// How much and how long a client may keep the gateway.
    struct Limits: Sendable {
        /// The longest line of a request.
        var request = 16 << 10
        /// The longest answer.
        var answer = 8 << 20
        /// How long a client may be silent, or take nothing of an answer.
        var patience: Duration = .seconds(10)
    }

    private enum Phase {
        case reading, working, closing
    }

    private let limits: Limits
    private var phase = Phase.reading
    private var input: [UInt8] = []
    private var output: [UInt8] = []
    private var sent = 0
    /// When its patience ends; nothing is waited for while a command runs.
    private var due: MonotonicTime

    init(_ limits: Limits, at now: MonotonicTime) {
        self.limits = limits
        due = now.advanced(by: limits.patience)
    }

    var wantsToRead: Bool { phase == .reading && output.isEmpty }
    var unsent: ArraySlice<UInt8> { output[sent...] }
    /// Whether there is nothing more to do for it.
    var isDone: Bool { phase == .closing && output.isEmpty }
    /// Nil while only the command is waited for.
    var deadline: MonotonicTime? { phase == .working ? nil : due }

    /// - Returns: a line to be carried out.
    mutating func receive(_ bytes: some Collection<UInt8>, at now: MonotonicTime) -> [UInt8]? {
        guard phase == .reading else { return nil }
        input += bytes
        return nextLine(now)
    }

    /// The command is carried out.
    mutating func answer(_ lines: [UInt8], at now: MonotonicTime) {
        guard phase == .working else { return }
        phase = .reading
        output = lines
        if lines.count > limits.answer {
            output = ControlAnswer.lines(
                for: ControlFailure(.failed, "the answer is longer than \(limits.answer) bytes"))
        }
        due = now.advanced(by: limits.patience)
    }

    /// The client has taken so many bytes.
    /// - Returns: the next line to be carried out, which it may have sent already.
    mutating func send(_ count: Int, at now: MonotonicTime) -> [UInt8]? {
        sent = min(output.count, sent + max(0, count))
        due = now.advanced(by: limits.patience)
        guard sent == output.count else { return nil }
        output = []
        sent = 0
        return phase == .reading ? nextLine(now) : nil
    }

    private mutating func nextLine(_ now: MonotonicTime) -> [UInt8]? {
        guard let end = input.firstIndex(of: UInt8(ascii: "\n")) else {
            if input.count > limits.request { refuse(now) }
            return nil
        }
        guard end <= limits.request else {
            refuse(now)
            return nil
        }
        let line = Array(input[..<end])
        input.removeFirst(end + 1)
        phase = .working
        return line
    }

    private mutating func refuse(_ now: MonotonicTime) {
        phase = .closing
        input = []
        output = ControlAnswer.lines(
            for: ControlFailure(.malformed, "a request has at most \(limits.request) bytes"))
        due = now.advanced(by: limits.patience)
    }
}
