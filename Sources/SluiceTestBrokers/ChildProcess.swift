import Glibc

/// Another program, whose standard input, output and errors are one socket of this process.
///
/// Not a `Foundation.Process`: its children keep the signals blocked that the thread had blocked, which makes a shell
/// wait for ever, and inherit descriptors by which other processes are thought to be running still.
package struct ChildProcess: Sendable {
    /// The system refused to run it.
    package struct Refused: Error, CustomStringConvertible {
        package let description: String
    }

    package let identifier: Int32
    /// Reads what it writes, and writes what it reads. The caller closes this.
    package let socket: Int32

    /// - Parameters:
    ///   - arguments: the first is the program, with its path.
    ///   - environment: all that it gets.
    package init(_ arguments: [String], environment: [String: String]) throws {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &ends) == 0 else {
            throw Refused(description: "no pair of sockets (errno \(errno))")
        }
        defer { close(ends[1]) }
        do {
            identifier = try Self.spawn(arguments, environment, standard: ends[1])
        } catch {
            close(ends[0])
            throw error
        }
        socket = ends[0]
    }

    /// Everything that it has still to say; blocks until it closes its end.
    package func readAll() -> [UInt8] {
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(socket, &part, part.count, 0)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return bytes }
            bytes += part.prefix(count)
        }
    }

    /// Blocks until it has ended.
    /// - Returns: its exit status; 128 and the number of the signal that ended it.
    @discardableResult
    package func wait() -> Int32 {
        var status: Int32 = 0
        while waitpid(identifier, &status, 0) < 0, errno == EINTR {}
        return status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F
    }

    private static func spawn(
        _ arguments: [String], _ environment: [String: String], standard: Int32
    ) throws -> Int32 {
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for target in Int32(0)...2 { posix_spawn_file_actions_adddup2(&actions, standard, target) }
        // Closing what is not open is no error.
        for descriptor in Int32(3)..<4_096 { posix_spawn_file_actions_addclose(&actions, descriptor) }
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        // A group of its own: Ctrl-C ends this process, and the end of the socket whatever must end with it.
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK) | Int16(POSIX_SPAWN_SETPGROUP))
        let words = arguments.map { strdup($0) } + [nil]
        let variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { (words + variables).forEach { free($0) } }
        guard let program = words[0] else { throw Refused(description: "no memory for the name of a program") }
        var identifier = pid_t()
        let code = posix_spawn(&identifier, program, &actions, &attributes, words, variables)
        guard code == 0 else { throw Refused(description: "\(arguments.first ?? "") does not run (errno \(code))") }
        return identifier
    }
}
