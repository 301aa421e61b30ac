import Foundation
import Synchronization

/// Blocks threads until it is opened: for the answers of a ``TestHTTPServer``, which runs on threads of its own. Tasks
/// wait at a ``Gate``.
public final class BlockingGate: Sendable {
    private let condition = NSCondition()
    private let isOpen = Mutex(false)

    public init() {}

    public func wait() {
        condition.lock()
        while !isOpen.withLock(\.self) { condition.wait() }
        condition.unlock()
    }

    public func open() {
        condition.lock()
        isOpen.withLock { $0 = true }
        condition.broadcast()
        condition.unlock()
    }
}
