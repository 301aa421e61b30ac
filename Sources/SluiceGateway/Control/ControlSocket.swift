import Foundation
import Glibc

/// The socket in the data directory that commands come through.
///
/// Several processes may run on one data directory. Each takes the first name that no living process has; what a process
/// that was killed has left is taken over. A lock on a file beside it keeps two from doing so at once.
final class ControlSocket: Sendable {
    /// How many processes on one data directory can be commanded.
    static let slots = 1...8
    /// What a path may have: `sun_path` less its terminating zero (unix(7)).
    static let longestPath = 107
    private static let lockName = "control.lock"
    private static let noteName = "control.note"

    let path: String
    let descriptor: Int32
    /// Which file it is: another process may have taken the name since.
    private let file: (device: UInt64, inode: UInt64)

    static func path(in directory: String, slot: Int) -> String {
        slot == 1 ? "\(directory)/control.sock" : "\(directory)/control-\(slot).sock"
    }

    /// Why no socket can be in this directory; nil when its path is no hindrance.
    static func obstacle(in directory: String) -> String? {
        let count = path(in: directory, slot: slots.upperBound).utf8.count
        guard count > longestPath else { return nil }
        return "the path of the control socket would have \(count) bytes, and \(longestPath) are the most; "
            + "a shorter or relative path of the data directory mends it"
    }

    /// Why a process that runs on the directory has no socket, as it says itself.
    static func note(in directory: String) -> String? {
        guard let bytes = FileManager.default.contents(atPath: "\(directory)/\(noteName)"), bytes.count < 1_024 else {
            return nil
        }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").first.map(String.init)
    }

    /// Binds and listens.
    /// - Throws: ``ControlSocketError``, which it notes in the directory for commands.
    init(in directory: String) throws(ControlSocketError) {
        do {
            (path, descriptor) = try Self.listen(in: directory)
        } catch {
            let note = "process \(getpid()) has no control socket: \(error)\n"
            try? note.write(toFile: "\(directory)/\(Self.noteName)", atomically: true, encoding: .utf8)
            chmod("\(directory)/\(Self.noteName)", 0o600)
            throw error
        }
        file = Self.identity(of: path) ?? (0, 0)
        unlink("\(directory)/\(Self.noteName)")
    }

    /// Lets go of the name, unless another process has it by now.
    func close() {
        if let now = Self.identity(of: path), now == file { unlink(path) }
        Self.close(descriptor)
    }

    private static func close(_ descriptor: Int32) {
        _ = Glibc.close(descriptor)
    }

    private static func listen(in directory: String) throws(ControlSocketError) -> (String, Int32) {
        if let obstacle = obstacle(in: directory) { throw ControlSocketError(obstacle) }
        let lock = open("\(directory)/\(lockName)", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        defer { if lock >= 0 { close(lock) } }
        // Where there are no locks either, two that start at the same moment may end up without one of the sockets.
        if lock >= 0 { while flock(lock, LOCK_EX) != 0, errno == EINTR {} }
        for slot in slots {
            let path = path(in: directory, slot: slot)
            guard try isFree(path) else { continue }
            return (path, try listen(at: path))
        }
        throw ControlSocketError("\(slots.count) processes have one in \(directory) already")
    }

    /// Makes room for a socket, where a process that is gone has left its own.
    private static func isFree(_ path: String) throws(ControlSocketError) -> Bool {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if errno == ENOENT { return true }
            throw ControlSocketError("\(path): \(text(errno))")
        }
        // Whatever else has the name is not ours to delete.
        guard status.st_mode & S_IFMT == S_IFSOCK else { return false }
        switch connection(to: path) {
        case .success(let descriptor):
            close(descriptor)
            return false
        case .failure(let error) where error.code == ECONNREFUSED:
            guard unlink(path) == 0 || errno == ENOENT else { throw ControlSocketError("\(path): \(text(errno))") }
            return true
        case .failure(let error) where error.code == ENOENT: return true
        // It lives and is busy, or is another user's.
        case .failure: return false
        }
    }

    private static func listen(at path: String) throws(ControlSocketError) -> Int32 {
        guard let descriptor = make() else { throw ControlSocketError(text(errno)) }
        // Before `bind` makes the name, which takes the socket's mode: no other user can connect at any moment.
        fchmod(descriptor, 0o600)
        let outcome = withAddress(of: path) { address, size in bind(descriptor, address, size) }
        guard outcome == 0, chmod(path, 0o600) == 0, listenOn(descriptor) == 0 else {
            let code = errno
            close(descriptor)
            if outcome == 0 { unlink(path) }
            throw ControlSocketError("\(path): \(text(code))")
        }
        return descriptor
    }

    /// Connects without waiting.
    static func connection(to path: String) -> Result<Int32, SystemError> {
        guard let descriptor = make() else { return .failure(SystemError(code: errno)) }
        while true {
            let outcome = withAddress(of: path) { address, size in connectTo(descriptor, address, size) }
            if outcome == 0 { return .success(descriptor) }
            let code = errno
            if code == EINTR { continue }
            close(descriptor)
            return .failure(SystemError(code: code))
        }
    }

    private static func make() -> Int32? {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        return descriptor
    }

    private static func withAddress<Value>(
        of path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Value
    ) -> Value {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { target in
            // A zero is left at the end; longer paths have been refused.
            for (place, byte) in zip(target.indices.dropLast(), path.utf8) { target[place] = byte }
        }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    /// A peer that has hung up is an error, and no signal.
    static func send(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Int {
        Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
    }

    private static func listenOn(_ descriptor: Int32) -> Int32 {
        Glibc.listen(descriptor, 8)
    }

    private static func connectTo(
        _ descriptor: Int32, _ address: UnsafePointer<sockaddr>, _ size: socklen_t
    ) -> Int32 {
        connect(descriptor, address, size)
    }

    private static func identity(of path: String) -> (device: UInt64, inode: UInt64)? {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        return (UInt64(truncatingIfNeeded: status.st_dev), UInt64(truncatingIfNeeded: status.st_ino))
    }

    private static func text(_ code: Int32) -> String { String(cString: strerror(code)) }
}

/// What the system said.
struct SystemError: Error {
    let code: Int32

    var text: String { String(cString: strerror(code)) }
}

/// Why there is no control socket.
struct ControlSocketError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
