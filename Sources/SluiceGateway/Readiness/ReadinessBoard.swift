import Sluice
import Synchronization

/// Where each part of the gateway says what keeps webhooks out, and what is worth knowing besides.
///
/// A part adds itself once, when it is made. The answers keep the order in which the parts came.
final class ReadinessBoard: Sendable {
    /// Adds its reasons and notes to what the parts before it said. It is asked for each `/readyz` and must not wait: a
    /// part tells what it knows, and asks no broker and no disk.
    typealias Part = @Sendable (inout Readiness) -> Void

    private let parts = Mutex<[Part]>([])

    /// Asks this part from now on.
    func add(_ part: @escaping Part) {
        parts.withLock { $0.append(part) }
    }

    /// Says this for as long as the gateway runs: what was found at its start and does not change.
    func note(_ note: String) {
        add { $0.notes.append(note) }
    }

    /// What all parts say now.
    var current: Readiness {
        let parts = parts.withLock { $0 }
        var readiness = Readiness()
        for part in parts { part(&readiness) }
        return readiness
    }
}
