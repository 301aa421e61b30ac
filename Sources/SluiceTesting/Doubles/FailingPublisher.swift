public import Sluice

/// A fake destination: answers as its script says, and passes on to another publisher what succeeds.
///
/// ```swift
/// let slack = FailingPublisher([.status(503), .status(503)], passingOnTo: RecordingPublisher())
/// ```
public final class FailingPublisher: Publisher {
    public let name: String
    private let next: any Publisher
    private let script: AnswerScript
    private let clock: RouterTime

    /// - Parameters:
    ///   - name: what errors and records call it.
    ///   - script: one answer for each call of `publish`, in order.
    ///   - after: what the calls get when the script has ended. Default: success.
    ///   - next: takes what does not fail.
    ///   - time: what late answers go by. Default: what `next` goes by, or else the machine's.
    public init(
        _ script: [Answer], then after: Answer = .succeed, name: String = "failing",
        passingOnTo next: any Publisher = RecordingPublisher(), time: RouterTime? = nil
    ) {
        self.name = name
        self.next = next
        self.script = AnswerScript(script, then: after)
        clock = time ?? next.time ?? .real
    }

    /// That of the publisher that takes what does not fail.
    public var time: RouterTime? { next.time }

    /// How often `publish` was called.
    public var calls: Int { script.calls }

    /// Replaces what is left of the script, as when a sink comes back.
    public func change(to script: [Answer], then after: Answer = .succeed) {
        self.script.change(to: script, then: after)
    }

    public func publish(_ messages: [Message], to topic: Topic) async throws {
        switch try await script.next(in: clock) {
        case .succeed:
            try await next.publish(messages, to: topic)
        case .fail(let error):
            throw error
        case .acceptFirst(let count, let error):
            let count = min(max(0, count), messages.count)
            try await next.publish(Array(messages.prefix(count)), to: topic)
            throw PublishError(notAccepted: messages.dropFirst(count).map(\.id), underlying: error)
        case .wait(let gate):
            try await gate.wait()
            try await next.publish(messages, to: topic)
        }
    }

    public func close() async {
        await next.close()
    }
}
