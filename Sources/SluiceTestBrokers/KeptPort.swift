import Glibc

/// A port of the loopback that stays with one broker while that is down.
///
/// The socket is bound and does not listen, so that clients are refused. A broker that asks for the port by number gets
/// it (`SO_REUSEADDR`, socket(7)).
final class KeptPort: Sendable {
    let number: UInt16
    private let descriptor: Int32

    /// nil when another socket has the port.
    init?(_ number: UInt16) {
        guard let descriptor = LoopbackPort.bound(number) else { return nil }
        (self.number, self.descriptor) = (number, descriptor)
    }

    deinit {
        close(descriptor)
    }
}
