public import Sluice
public import SluiceHTTP

/// What can be set about a sink of one kind, as a value that makes the sink.
public protocol SinkOptions: Sendable {
    /// Makes the sink. Called once, when the gateway is made; nothing is sent yet.
    func makeSink(_ parts: SinkParts) throws -> any Sink

    /// How its events may overlap. Default `.serial`.
    var ordering: Ordering { get }
    /// How fast events may go there. Default nil: as fast as it takes them.
    var throttle: Throttle? { get }
    /// Whether it sends its requests with ``SinkParts/send(_:)``, and has their metrics. Default true.
    var isReachedOverHTTP: Bool { get }
    /// Whether what it delivers to is on this machine, such as a file. The queue then commits what it has delivered together, up
    /// to 256 events at a time and every 5 ms: it is faster by far, and after a crash so many may come twice. Default false: no more
    /// than what was in hand.
    var isLocal: Bool { get }
    /// Whether it tells the pushes of a webhook as one, and reads them apart from what is urgent. Its sink is a
    /// ``DigestingSink`` then, and its ordering `.serial`. Default false.
    var digests: Bool { get }
    /// Whether it takes many events at once. Its sink is a ``GatheringSink`` then, and gets those together that wait one behind the
    /// other, while its ordering is `.serial`. Default false.
    var gathers: Bool { get }
    /// Tries what it delivers to, without delivering anything: its name, TLS, and its credentials where they can be asked for.
    /// - Returns: what was tried, in words; nil, the default, where nothing can be.
    /// - Throws: why it cannot be reached, or does not know the credentials.
    func tryConnection(_ parts: SinkParts) async throws -> String?
    /// What is allowed and probably not meant, such as a password in the clear: a line each, for the log. Default none.
    var cautions: [String] { get }
    /// What is wrong with it where the sink's `only` asks for incidents, and the key that is at fault. Default nil: nothing.
    var faultWithIncidents: (key: String, text: String)? { get }
}

extension SinkOptions {
    public var ordering: Ordering { .serial }
    public var throttle: Throttle? { nil }
    public var isReachedOverHTTP: Bool { true }
    public var isLocal: Bool { false }
    public var digests: Bool { false }
    public var gathers: Bool { false }
    public var cautions: [String] { [] }
    public var faultWithIncidents: (key: String, text: String)? { nil }
    public func tryConnection(_ parts: SinkParts) async throws -> String? { nil }
}

/// What a sink is made with.
public struct SinkParts: Sendable {
    /// The sink's name: the target of its requests, and of what it says of itself.
    public let name: String
    /// How long to wait before a person may have mended what only a person can.
    public let hold: Duration
    private let transport: @Sendable (HTTPClient.Request, _ hold: Duration) async throws -> HTTPClient.Response

    init(name: String, hold: Duration, client: HTTPClient) {
        self.init(name: name, hold: hold) { try await client.send($0, hold: $1) }
    }

    /// - Parameter transport: answers a request.
    init(
        name: String, hold: Duration,
        transport: @escaping @Sendable (HTTPClient.Request, _ hold: Duration) async throws -> HTTPClient.Response
    ) {
        self.name = name
        self.hold = hold
        self.transport = transport
    }

    /// Sends a request by the client that all sinks share: through the proxy that is configured, counted and timed.
    ///
    /// A sink's address and credentials are the configuration's: a request that cannot be written, or an answer that is
    /// none, is never the message's fault and holds the sink.
    public func send(_ request: HTTPClient.Request) async throws -> HTTPClient.Response {
        try await transport(request, hold)
    }

    /// Connects to an address, TLS included, and sends nothing.
    /// - Returns: what was tried, in words.
    func connect(to url: String) async throws -> String {
        var request = HTTPClient.Request("GET", url, target: name, timeout: .seconds(10))
        request.connectsOnly = true
        _ = try await transport(request, hold)
        return url.lowercased().hasPrefix("https://")
            ? "connected, the certificate is trusted" : "connected, in the clear"
    }
}
