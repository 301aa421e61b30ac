import Glibc

/// A port of the loopback interface that is kept for one server, whether it listens or not.
///
/// The socket is bound and does not listen. While no server listens there, a connection is refused. The system gives the
/// port to nothing else, and a server that asks for it by number gets it (`SO_REUSEADDR`, socket(7)).
package final class HeldPort: Sendable {
    package let number: UInt16
    private let descriptor: Int32

    /// - Parameter number: 0 takes a free one.
    /// - Throws: when another socket has the port.
    package init(_ number: UInt16 = 0) throws {
        (descriptor, self.number) = try TestSocket.bound(port: number)
    }

    deinit {
        close(descriptor)
    }
}
