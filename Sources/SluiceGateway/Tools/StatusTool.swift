import SluiceHTTP

/// `sluice status`: asks a running gateway for its snapshot.
public struct StatusTool: Sendable {
    /// Why there is no snapshot.
    public struct Failure: Error, CustomStringConvertible {
        public let description: String
        /// Whether no gateway listens there.
        public var isMissing = false
    }

    private let address: BindAddress
    private let token: Secret?
    private let timeout: Duration
    private let client: HTTPClient

    /// - Parameters:
    ///   - address: where it serves its metrics; all interfaces means this machine.
    ///   - token: what it asks for, if it asks for one.
    ///   - timeout: for each request.
    /// - Throws: an error when the system has no thread or memory for requests.
    public init(of address: BindAddress, token: Secret? = nil, timeout: Duration = .seconds(5)) throws {
        self.address = address.onThisMachine
        self.token = token
        self.timeout = timeout
        var configuration = HTTPClient.Configuration()
        configuration.maximumBodySize = Self.mostBytes
        client = try HTTPClient(configuration)
    }

    /// What a status may be long: it has a few kilobytes for each sink.
    private static let mostBytes = 64 << 20

    /// Lets go of the connection.
    public func close() async {
        await client.close(within: .zero)
    }

    /// Asks once. It may be called again.
    /// - Returns: the snapshot, and as what it came.
    /// - Throws: ``Failure``.
    public func ask() async throws(Failure) -> (snapshot: Snapshot, json: [UInt8]) {
        let request = HTTPClient.Request(
            "GET", "http://\(address)/status.json", target: "\(address)",
            credentials: token.map { .bearer($0.reveal()) }, timeout: timeout)
        let answer: HTTPClient.Response
        do {
            answer = try await client.send(request)
        } catch {
            let refusals: [HTTPClientError.Code] = [.connectFailed, .dnsFailed]
            throw Failure(description: "\(error)", isMissing: refusals.contains(error.code))
        }
        switch answer.status {
        case 200: break
        case 401: throw Failure(description: "\(address) asks for a token: METRICS_TOKEN names it")
        case 404: throw Failure(description: "\(address) has no status: is it another program, or an older version?")
        default: throw Failure(description: "\(address) answered \(answer.status)")
        }
        do {
            return (try Snapshot(json: answer.body), answer.body)
        } catch {
            throw Failure(description: "\(address) answered what is no status")
        }
    }
}
