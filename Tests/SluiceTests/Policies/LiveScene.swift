import SluiceTesting
import Testing

@testable import Sluice

/// One route at one destination, some of whose policies change while its messages wait.
struct LiveScene {
    /// One attempt: when, and of which message.
    struct Attempt: Sendable, Equatable {
        let at: Duration
        let number: Int

        init(_ seconds: Double, _ number: Int = 0) {
            self.init(at: .seconds(seconds), number: number)
        }

        init(at: Duration, number: Int) {
            self.at = at
            self.number = number
        }
    }

    var messages = 1
    var ordering = Ordering.serial
    var destination = Destination.Configuration.unbounded
    /// Outermost first.
    var middlewares: [any Middleware] = []
    /// Whether rejected messages come again at all.
    var redelivery = Backoff.constant(.seconds(100_000))
    /// How long the scene is.
    var length = Duration.seconds(10_000)
    /// What the destination does: from the number of all attempts so far, from 1.
    var answer: @Sendable (Int, RouterTime) async throws -> Void = { _, _ in throw Broken() }
    /// Every message has its key; all the same where it is nil.
    var key: @Sendable (Int) -> String = { _ in "k" }

    /// - Parameters:
    ///   - seconds: when the change is made.
    /// - Returns: all attempts.
    func attempts(
        in time: RouterTime, at seconds: Double, change: (Destination) throws -> Void
    ) async throws -> [Attempt] {
        let journal = Journal<Attempt>()
        let sink = try Destination("sink", destination, time: time)
        let source = Source((0..<messages).map { .numbered($0, key: key($0)) }, time: time)
        var configuration = Router.Configuration.quick
        configuration.redelivery = redelivery
        let router = Router.quick(middlewares, configuration: configuration, time: time)
        let answer = answer
        try router.add(
            Route("r", from: source, "in", ordering: ordering, destination: sink) { message, _ in
                let count = journal.add(Attempt(at: time.now.offset, number: message.number))
                try await answer(count, time)
            })
        try await router.whileRunning {
            try await time.sleep(for: .seconds(seconds))
            try change(sink)
            try await time.sleep(for: length - .seconds(seconds))
        }
        return journal.entries
    }
}

/// A number of a policy that is changed while something waits by it.
struct LiveCase: Sendable, CustomTestStringConvertible {
    /// The policy and the path of the number in it.
    let number: String
    let body: @Sendable (RouterTime) async throws -> Void

    init(_ number: String, _ body: @escaping @Sendable (RouterTime) async throws -> Void) {
        self.number = number
        self.body = body
    }

    var testDescription: String { number }
}
