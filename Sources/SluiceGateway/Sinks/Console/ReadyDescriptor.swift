import Glibc

/// The pipe, file or socket that a descriptor stands for, to be written to without waiting for its reader: what it has room for
/// needs no thread of its own.
final class ReadyDescriptor: Sendable {
    private enum Kind {
        /// Opened anew: not to block is a property that programs which inherited the descriptor share.
        case pipe(Int32)
        case socket(Int32)
        case file(Int32)
    }

    /// Pipes take as much whole or not at all (`PIPE_BUF` of Linux), and so do local sockets.
    static let limit = 4_096

    private let kind: Kind

    /// Nil where it cannot be written to in that way, as a terminal.
    init?(_ descriptor: Int32) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        switch status.st_mode & S_IFMT {
        case S_IFREG: kind = .file(descriptor)
        case S_IFSOCK:
            var domain: Int32 = 0
            var size = socklen_t(MemoryLayout<Int32>.size)
            guard getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0, domain == AF_UNIX else {
                return nil
            }
            kind = .socket(descriptor)
        case S_IFIFO:
            let own = open("/proc/self/fd/\(descriptor)", O_WRONLY | O_NONBLOCK | O_CLOEXEC)
            guard own >= 0 else { return nil }
            kind = .pipe(own)
        default: return nil
        }
    }

    deinit {
        if case .pipe(let own) = kind { close(own) }
    }

    /// - Returns: how many bytes are written: all of them, or those that there was room for. What is wrong shows where the rest
    ///   is written in another way.
    func write(_ bytes: [UInt8]) -> Int {
        guard bytes.count <= Self.limit else { return 0 }
        return max(0, bytes.withUnsafeBytes { system($0) })
    }

    private func system(_ bytes: UnsafeRawBufferPointer) -> Int {
        switch kind {
        case .file(let descriptor): return system(descriptor, bytes)
        case .socket(let descriptor):
            // Their type is not the same in every C library.
            return send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
        case .pipe(let own): return Self.withoutSignal { system(own, bytes) }
        }
    }

    private func system(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        Glibc.write(descriptor, bytes.baseAddress, bytes.count)
    }

    /// A pipe without a reader raises SIGPIPE in the thread that writes.
    private static func withoutSignal(_ write: () -> Int) -> Int {
        var pipe = sigset_t()
        var before = sigset_t()
        sigemptyset(&pipe)
        sigaddset(&pipe, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &pipe, &before)
        let count = write()
        if count < 0, errno == EPIPE, sigismember(&before, SIGPIPE) == 0 {
            var now = timespec()
            _ = sigtimedwait(&pipe, nil, &now)
        }
        pthread_sigmask(SIG_SETMASK, &before, nil)
        return count
    }
}
