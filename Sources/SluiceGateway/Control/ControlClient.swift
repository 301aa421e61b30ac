import Foundation
import Glibc
import Sluice

/// Asks the gateways that run on a data directory.
///
/// ```swift
/// print(try await ControlClient(directory: "./sluice-data").pause("slack", reason: "the channel moves"))
/// ```
public struct ControlClient: Sendable {
    /// How long a gateway may take to answer; longer than it allows itself.
    private static let patience: Duration = .seconds(100)
    /// How long others may keep all places of the socket.
    private static let busyPatience: Duration = .seconds(10)
    private static let longestAnswer = 16 << 20

    let directory: String

    /// - Parameter directory: the data directory.
    public init(directory: String) {
        self.directory = directory
    }

    /// Pauses a sink in every gateway of the directory.
    /// - Parameters:
    ///   - sink: its name.
    ///   - reason: shown as long as the sink is paused.
    /// - Returns: what was done, in words.
    /// - Throws: ``NoGatewayError``, ``CommandError``.
    public func pause(_ sink: String, reason: String?) async throws -> String {
        try await steer(ControlRequest(.pauseSink, ["sink": sink, "reason": reason]))
    }

    /// Lets a paused sink go on, in every gateway of the directory.
    /// - Returns: what was done, in words.
    /// - Throws: ``NoGatewayError``, ``CommandError``.
    public func resume(_ sink: String) async throws -> String {
        try await steer(ControlRequest(.resumeSink, ["sink": sink]))
    }

    private func steer(_ request: ControlRequest) async throws -> String {
        let answers = try await askAll(request)
        guard let answer = answers.first(where: \.leads) ?? answers.first else { throw NoGatewayError(directory) }
        return answer.text ?? "done"
    }

    // MARK: Asking

    /// Asks every gateway, one after the other.
    func askAll(_ request: ControlRequest) async throws -> [ControlAnswer] {
        var answers: [ControlAnswer] = []
        for path in try paths() {
            if let answer = try await ask(request, at: path) { answers.append(answer) }
        }
        return answers
    }

    /// Asks until one answers that leads what is asked for.
    /// - Returns: nil where no gateway leads it.
    func askLeader(_ request: ControlRequest) async throws -> ControlAnswer? {
        for path in try paths() {
            do {
                if let answer = try await ask(request, at: path) { return answer }
            } catch let failure as CommandError where failure.code == .notLeading {
                continue
            }
        }
        return nil
    }

    /// - Throws: ``CommandError`` where this user may not look.
    private func paths() throws(CommandError) -> [String] {
        if access(directory, X_OK) != 0, errno == EACCES {
            throw CommandError(
                ControlFailure(.refused, "\(directory): only the gateway's own user and root may command it"))
        }
        return ControlSocket.slots.map { ControlSocket.path(in: directory, slot: $0) }
            .filter { $0.utf8.count <= ControlSocket.longestPath && access($0, F_OK) == 0 }
    }

    /// - Returns: nil where no process listens.
    private func ask(_ request: ControlRequest, at path: String) async throws -> ControlAnswer? {
        let end = MonotonicTime.now().advanced(by: Self.busyPatience)
        while true {
            do {
                return try await Self.onThread { try Self.exchange(request, path) }
            } catch let failure as ControlFailure {
                guard failure.code == .busy, MonotonicTime.now() < end else { throw CommandError(failure) }
                try await Task.sleep(for: .milliseconds(200))
            }
        }
    }

    /// Waiting for a gateway blocks, and must not block the tasks of this process.
    private static func onThread<Value: Sendable>(
        _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withUnsafeThrowingContinuation { continuation in
            do {
                _ = try DedicatedThread(name: "sluice-command") {
                    continuation.resume(with: Result { try body() })
                }
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }

    private static func exchange(_ request: ControlRequest, _ path: String) throws -> ControlAnswer? {
        let descriptor: Int32
        switch ControlSocket.connection(to: path) {
        case .success(let connected): descriptor = connected
        // Left by a process that was killed, or gone meanwhile.
        case .failure(let error) where error.code == ECONNREFUSED || error.code == ENOENT: return nil
        case .failure(let error) where error.code == EAGAIN:
            throw ControlFailure(.busy, "the gateway is busy with other commands")
        case .failure(let error): throw ControlFailure(.refused, "\(path): \(error.text)")
        }
        defer { close(descriptor) }
        let end = MonotonicTime.now().advanced(by: patience)
        try write(request.line, to: descriptor, until: end)
        var answer = ControlAnswer()
        var lines = ControlLines()
        while true {
            while let line = lines.next() {
                if try answer.add(line: line) { return answer }
            }
            guard try lines.read(from: descriptor, until: end), lines.total <= longestAnswer else {
                throw ControlFailure(.failed, "the gateway ended the connection without an answer")
            }
        }
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32, until end: MonotonicTime) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { ControlSocket.send($0, to: descriptor) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                try wait(for: descriptor, POLLOUT, until: end)
            } else if errno != EINTR {
                // It has said why, perhaps: that is read next.
                return
            }
        }
    }

    fileprivate static func wait(for descriptor: Int32, _ event: some BinaryInteger, until end: MonotonicTime) throws {
        let now = MonotonicTime.now()
        guard now < end else { throw ControlFailure(.timeout, "the gateway does not answer") }
        var entry = pollfd(fd: descriptor, events: Int16(truncatingIfNeeded: Int(event)), revents: 0)
        _ = poll(&entry, 1, Int32(clamping: end.nanoseconds(since: now) / 1_000_000 + 1))
    }
}

/// What has come of an answer, cut into lines.
private struct ControlLines {
    private var bytes: [UInt8] = []
    private(set) var total = 0

    mutating func next() -> [UInt8]? {
        guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        defer { bytes.removeFirst(end + 1) }
        return Array(bytes[..<end])
    }

    /// - Returns: false at the end of the connection.
    mutating func read(from descriptor: Int32, until end: MonotonicTime) throws -> Bool {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Foundation.read(descriptor, &buffer, buffer.count)
            if count > 0 {
                bytes += buffer.prefix(count)
                total += count
                return true
            }
            if count == 0 { return false }
            switch errno {
            case EINTR: continue
            case EAGAIN: try ControlClient.wait(for: descriptor, POLLIN, until: end)
            default: return false
            }
        }
    }
}

/// No gateway runs on the data directory that could be asked.
public struct NoGatewayError: Error, CustomStringConvertible {
    public let description: String

    init(_ directory: String) {
        var text = "no gateway that takes commands runs on \(directory)"
        if let why = ControlSocket.obstacle(in: directory) ?? ControlSocket.note(in: directory) { text += ": \(why)" }
        description = text
    }
}

/// A gateway has not done what it was asked for.
public struct CommandError: Error, CustomStringConvertible {
    let code: ControlFailure.Code
    public let description: String

    init(_ failure: ControlFailure) {
        code = failure.code
        description = failure.description
    }
}
