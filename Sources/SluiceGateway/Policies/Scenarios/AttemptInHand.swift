import Sluice
import Synchronization

/// An attempt of a scenario, from its beginning to its end, for what is asked on its way.
///
/// A value of the task, because it has to reach the transport of a sink, which gets requests.
final class AttemptInHand: Sendable {
    @TaskLocal static var current: AttemptInHand?

    let sink: Int
    /// From 0.
    let message: Int
    let envelope: Message
    let kind: ScenarioSinkKind
    private let note: @Sendable (AttemptInHand) -> Void
    private let begun = Atomic<Bool>(false)

    /// - Parameter note: is told that the attempt begins.
    init(
        sink: Int, message: Int, envelope: Message, kind: ScenarioSinkKind,
        note: @escaping @Sendable (AttemptInHand) -> Void
    ) {
        self.sink = sink
        self.message = message
        self.envelope = envelope
        self.kind = kind
        self.note = note
    }

    /// Whether it was made: it may have been given up while it waited at the destination's gate.
    var hasBegun: Bool { begun.load(ordering: .relaxed) }

    func begin() {
        begun.store(true, ordering: .relaxed)
        note(self)
    }
}
