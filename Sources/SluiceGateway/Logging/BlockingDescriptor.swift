import Glibc

/// A file descriptor that may be slow to take bytes, such as a pipe to a reader that has stopped. Only a thread of its
/// own may write to it.
struct BlockingDescriptor: Sendable {
    struct Failure: Error, CustomStringConvertible {
        let errno: Int32
        var description: String { String(cString: strerror(errno)) }
    }

    let number: Int32

    /// Waits for as long as it takes.
    func write(_ bytes: [UInt8]) throws(Failure) {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                system(UnsafeRawBufferPointer(rebasing: buffer[written...]))
            }
            if count > 0 {
                written += count
            } else if count == 0 {
                throw Failure(errno: EIO)
            } else if errno == EAGAIN {
                // Another process that shares the description has made it non-blocking.
                waitForRoom()
            } else if errno != EINTR {
                throw Failure(errno: errno)
            }
        }
    }

    private func waitForRoom() {
        var descriptor = pollfd(fd: number, events: Int16(truncatingIfNeeded: Int(POLLOUT)), revents: 0)
        _ = poll(&descriptor, 1, -1)
    }

    private func system(_ bytes: UnsafeRawBufferPointer) -> Int {
        Glibc.write(number, bytes.baseAddress, bytes.count)
    }
}
