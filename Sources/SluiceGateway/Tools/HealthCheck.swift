import SluiceHTTP

/// Asks a running gateway whether it is ready.
public struct HealthCheck: Sendable {
    /// What the gateway answered.
    public struct Report: Sendable {
        public let isReady: Bool
        /// Whether no gateway listens there.
        public var isMissing = false
        /// The answer, or why there was none. It ends in a newline.
        public let text: String
    }

    private let address: BindAddress
    private let timeout: Duration

    /// - Parameters:
    ///   - address: where it serves its metrics; all interfaces means this machine.
    ///   - timeout: for the whole request.
    public init(of address: BindAddress, timeout: Duration = .seconds(5)) {
        self.address = address.onThisMachine
        self.timeout = timeout
    }

    /// - Throws: an error when the system has no thread or memory for the request.
    public func run() async throws -> Report {
        let client = try HTTPClient()
        let report: Report
        do {
            let answer = try await client.send(
                HTTPClient.Request(
                    "GET", "http://\(address)/readyz", target: "\(address)", timeout: timeout,
                    acceptsTruncatedBody: true))
            report = Report(isReady: answer.status == 200, text: String(decoding: answer.body, as: UTF8.self))
        } catch {
            let refusals: [HTTPClientError.Code] = [.connectFailed, .dnsFailed]
            let isMissing = refusals.contains(error.code)
            report = Report(isReady: false, isMissing: isMissing, text: "\(error)\n")
        }
        await client.close(within: .zero)
        return report
    }
}

extension BindAddress {
    /// Where a program on this machine reaches what listens there.
    var onThisMachine: BindAddress {
        var address = self
        switch host {
        case nil, "0.0.0.0": address.host = "127.0.0.1"
        case "::": address.host = "::1"
        default: break
        }
        return address
    }
}
