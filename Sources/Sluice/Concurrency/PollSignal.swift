package import Glibc

/// Lets one thread sleep on a socket until the socket is ready, another thread has something for it, or a deadline
/// passes.
///
/// Raising it while the thread is busy costs one atomic exchange; a raise is never lost.
package final class PollSignal: Sendable {
    /// What `poll` said of the socket.
    package struct Readiness: Sendable {
        /// There is something to read, or the connection has ended.
        package var canRead = false
        package var canWrite = false
    }

    private let state = SleepState()
    private let reader: Int32
    private let writer: Int32

    package init() throws(Failure) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw Failure(errno: errno) }
        for end in ends {
            _ = fcntl(end, F_SETFL, fcntl(end, F_GETFL) | O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        reader = ends[0]
        writer = ends[1]
    }

    deinit {
        close(reader)
        close(writer)
    }

    package func raise() {
        guard state.raise() else { return }
        var byte: UInt8 = 1
        // A full pipe wakes as well.
        _ = write(writer, &byte, 1)
    }

    /// Returns when the socket is ready, when the signal was raised since the last call, or at the deadline.
    /// - Parameters:
    ///   - socket: -1 for none.
    ///   - writing: whether room to write is waited for as well.
    package func wait(for socket: Int32, writing: Bool, until deadline: MonotonicTime?) -> Readiness {
        let events = Int16(truncatingIfNeeded: Int(POLLIN) | (writing ? Int(POLLOUT) : 0))
        var descriptors = [pollfd(), pollfd(fd: socket, events: events, revents: 0)]
        wait(for: &descriptors, until: deadline)
        let ready = Int(descriptors[1].revents)
        return Readiness(
            canRead: ready & ~Int(POLLOUT) != 0, canWrite: ready & (Int(POLLOUT) | Int(POLLERR) | Int(POLLHUP)) != 0)
    }

    /// The same for any number of descriptors.
    /// - Parameter descriptors: the first is the signal's to use.
    /// - Returns: false when the system cannot wait.
    @discardableResult
    package func wait(for descriptors: inout [pollfd], until deadline: MonotonicTime?) -> Bool {
        let sleeps = state.fallAsleep()
        descriptors[0] = pollfd(fd: reader, events: Int16(truncatingIfNeeded: Int(POLLIN)), revents: 0)
        let count = poll(&descriptors, nfds_t(descriptors.count), sleeps ? Self.milliseconds(until: deadline) : 0)
        // Whatever was raised until here is looked for when this returns.
        state.wakeUp()
        guard count > 0 else {
            let isRefused = count < 0 && errno != EINTR
            for index in descriptors.indices { descriptors[index].revents = 0 }
            return !isRefused
        }
        if descriptors[0].revents != 0 {
            var bytes: (UInt64, UInt64) = (0, 0)
            _ = read(reader, &bytes, 16)
        }
        return true
    }

    /// Rounded up, so that a deadline is past when the wait for it ends; -1 for none.
    private static func milliseconds(until deadline: MonotonicTime?) -> Int32 {
        guard let deadline else { return -1 }
        let rest = deadline.nanoseconds(since: .now())
        return Int32(clamping: rest / 1_000_000 + (rest % 1_000_000 == 0 ? 0 : 1))
    }

    package struct Failure: Error, CustomStringConvertible {
        package let errno: Int32
        package var description: String { "the system refused a pipe (errno \(errno))" }
    }
}
