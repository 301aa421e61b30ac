public import Sluice
import Synchronization

/// Publishes each message as an HTTP request; a success status is its acknowledgement.
///
/// ```swift
/// let shop = try HTTPPublisher(
///     client: HTTPClient(), marshaler: .watermill(to: "https://shop.example/orders", target: "shop", credentials: .bearer(token)))
/// ```
public final class HTTPPublisher: Publisher {
    /// How many requests are under way at once, and what answers mean.
    public struct Configuration: Sendable {
        /// How many messages of one publish are sent at once. 1, the default, sends one after the other and stops at
        /// the first failure, which keeps their order. At least 1.
        public var concurrency: Int

        /// What each answer means; nil from it accepts the message. Default ``HTTPStatusError/classify(_:)``.
        public var classify: @Sendable (HTTPClient.Response) -> Disposition?

        /// Whether `close` also closes the client; false for a client that several share. Default true.
        public var closesClient: Bool

        public init(
            concurrency: Int = 1,
            classify: @escaping @Sendable (HTTPClient.Response) -> Disposition? = HTTPStatusError.classify,
            closesClient: Bool = true
        ) {
            self.concurrency = concurrency
            self.classify = classify
            self.closesClient = closesClient
        }
    }

    public let name = "http"

    private let client: HTTPClient
    private let marshaler: HTTPMarshaler
    private let configuration: Configuration
    private let gate = PublishGate()

    /// - Parameters:
    ///   - client: sends the requests.
    ///   - configuration: how many at once.
    ///   - marshaler: makes the request of a message. Default Watermill's, with the topic as the URL.
    /// - Throws: `ConfigurationError` for a value out of its range.
    public init(
        client: HTTPClient, marshaler: HTTPMarshaler = .watermill(), configuration: Configuration = Configuration()
    ) throws(ConfigurationError) {
        try ConfigurationCheck.all(of: "HTTPPublisher") { $0("concurrency", configuration.concurrency, in: 1...) }
        self.client = client
        self.marshaler = marshaler
        self.configuration = configuration
    }

    public func publish(_ messages: [Message], to topic: Topic) async throws {
        guard gate.enter() else { throw ClosedError("http publisher") }
        defer { gate.leave() }
        let failures =
            configuration.concurrency == 1 || messages.count <= 1
            ? await publishInOrder(messages, to: topic) : await publishAtOnce(messages, to: topic)
        guard let failures else { return }
        if failures.error is CancellationError, failures.indices.count == messages.count { throw failures.error }
        throw PublishError(notAccepted: failures.indices.map { messages[$0].id }, underlying: failures.error)
    }

    public func close() async {
        await gate.close(within: client.configuration.closeTimeout)
        if configuration.closesClient { await client.close(within: .zero) }
    }

    private struct Failures {
        var indices: [Int]
        var error: any Error
    }

    private func publishInOrder(_ messages: [Message], to topic: Topic) async -> Failures? {
        for (index, message) in messages.enumerated() {
            if let error = await send(message, to: topic) {
                return Failures(indices: Array(index..<messages.count), error: error)
            }
        }
        return nil
    }

    /// A failure that may pass stops what has not begun, for the server is in trouble; one that is the message's own
    /// does not.
    private func publishAtOnce(_ messages: [Message], to topic: Topic) async -> Failures? {
        await withTaskGroup(of: (Int, (any Error)?).self) { group in
            var failed: [(index: Int, error: any Error)] = []
            var next = 0
            var isStopped = false
            var inFlight = 0
            repeat {
                while inFlight < configuration.concurrency, next < messages.count, !isStopped {
                    let index = next
                    group.addTask { (index, await self.send(messages[index], to: topic)) }
                    next += 1
                    inFlight += 1
                }
                guard let (index, error) = await group.next() else { break }
                inFlight -= 1
                guard let error else { continue }
                failed.append((index, error))
                isStopped = isStopped || !Disposition(of: error).isPermanent
            } while inFlight > 0 || (next < messages.count && !isStopped)

            failed.sort { $0.index < $1.index }
            let passing = failed.first { !Disposition(of: $0.error).isPermanent }
            guard let error = (passing ?? failed.first)?.error else { return nil }
            return Failures(indices: failed.map(\.index) + Array(next..<messages.count), error: error)
        }
    }

    private func send(_ message: Message, to topic: Topic) async -> (any Error)? {
        guard !gate.isAbandoned else { return ClosedError("http publisher") }
        do {
            var request = try marshaler.marshal(message, topic)
            // The status says whether the message was accepted, however long the body that comes with it.
            request.acceptsTruncatedBody = true
            try await client.send(request).requireSuccess(configuration.classify)
            return nil
        } catch let error as HTTPClientError where error.code == .cancelled {
            return CancellationError()
        } catch {
            return error
        }
    }
}
