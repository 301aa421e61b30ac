import Synchronization

/// Raised once.
package final class Flag: Sendable {
    private let raised = Atomic<Bool>(false)

    package init() {}

    package var isUp: Bool { raised.load(ordering: .acquiring) }

    package func raise() {
        raised.store(true, ordering: .releasing)
    }
}
