public import Sluice
import Tracing

/// Sends HTTP requests over kept-alive connections, from one thread of its own that libcurl's event loop runs on.
///
/// ```swift
/// let client = try HTTPClient()
/// let order = HTTPClient.Request("POST", "https://shop.example/orders", target: "shop", body: message.payload)
/// try await client.send(order).requireSuccess()
/// ```
///
/// HTTP/1.1, and HTTP/2 where a TLS server offers it. TLS certificates are verified; redirects are not followed;
/// `.netrc` is ignored, and so are proxies unless the configuration names them; a request that is not idempotent is never repeated by itself.
public final class HTTPClient: Closable {
    public let configuration: Configuration
    private let inbox: Inbox<TransferLoop.Command>
    private let thread: WorkerThread

    /// Starts the thread.
    /// - Throws: `ConfigurationError` for a value out of its range, ``SetupError`` for what the system refuses.
    public init(_ configuration: Configuration = Configuration()) throws {
        try configuration.validate()
        try CurlLibrary.start()
        let certificates = try configuration.additionalCertificates.map { file throws(ConfigurationError) in
            try CertificateBundle(adding: file)
        }
        let multi = try MultiHandle(configuration)
        let inbox = Inbox<TransferLoop.Command> { multi.wake() }
        self.configuration = configuration
        self.inbox = inbox
        do {
            thread = try WorkerThread(name: "sluice-http-out") {
                TransferLoop(inbox, multi, configuration, certificates).run()
            }
        } catch {
            throw SetupError("\(error)")
        }
    }

    deinit {
        inbox.close(by: .longAgo)
    }

    /// Sends the request and waits for the whole answer, whatever its status.
    ///
    /// Above the limits of the configuration it waits for its turn. Cancelling the task ends the request.
    /// - Throws: an error that says whether the server may have processed the request.
    public func send(_ request: Request) async throws(HTTPClientError) -> Response {
        let submitted = MonotonicTime.now()
        var request = request
        var traceID: String?
        if let tracer = configuration.tracer, let context = ServiceContext.current {
            traceID = request.carry(context, of: tracer)
        }
        let completion = await complete(request, submitted)
        let ended = MonotonicTime.now()
        let started = completion.started ?? ended
        let (status, error): (Int?, HTTPClientError?) =
            switch completion.result {
            case .success(let response): (response.status, nil)
            case .failure(let error): (error.status, error)
            }
        configuration.observe(
            Observation(
                target: request.target, status: status, error: error?.code, detail: error?.detail,
                duration: .nanoseconds(Int64(clamping: ended.nanoseconds(since: started))),
                wait: .nanoseconds(Int64(clamping: started.nanoseconds(since: submitted))), traceID: traceID))
        return try completion.result.get()
    }

    private func complete(_ request: Request, _ submitted: MonotonicTime) async -> Completion {
        func failed(_ code: HTTPClientError.Code) -> Completion {
            Completion(result: .failure(HTTPClientError(code, target: request.target)), started: nil)
        }
        guard request.hasWellFormedURL else { return failed(.invalidURL) }
        guard request.isWellFormed else { return failed(.invalidRequest) }
        guard !Task.isCancelled else { return failed(.cancelled) }
        let deadline = submitted.advanced(by: request.timeout ?? configuration.totalTimeout)
        let ticket = Ticket(request, submitted: submitted, deadline: deadline)
        return await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                if !inbox.post(.start(ticket, continuation)) { continuation.resume(returning: failed(.closed)) }
            }
        } onCancel: {
            ticket.cancel()
            inbox.postUntilTheEnd(.cancel(ticket))
        }
    }

    /// The same within the configuration's ``Configuration/closeTimeout``.
    public func close() async {
        await close(within: configuration.closeTimeout)
    }

    /// Refuses new requests, lets those in flight finish for at most `timeout`, ends the rest with the code `closed`,
    /// closes the connections and ends the thread. A second call waits for the same end; the shorter time counts.
    public func close(within timeout: Duration) async {
        inbox.close(by: .now().advanced(by: timeout))
        await thread.end()
    }
}
