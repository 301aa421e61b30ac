import Sluice
import SluiceHTTP

/// A sink of the kind `http` at work: what its options ask for, compiled.
struct HTTPSink: Sink {
    private let parts: SinkParts
    private let options: HTTPSinkOptions
    private let address: HTTPSinkAddress
    private let body: HTTPSinkBody?
    private let headers: [HTTPClient.Header]
    private let answer: HTTPSinkAnswer

    /// - Throws: `ConfigurationError` that names all that is wrong.
    init(_ options: HTTPSinkOptions, _ parts: SinkParts) throws(ConfigurationError) {
        let checked = HTTPSinkCheck(options)
        if let error = checked.error { throw error }
        guard let address = checked.address else { throw ConfigurationError("HTTPSinkOptions", expected: "a url") }
        self.parts = parts
        self.options = options
        self.address = address
        body = checked.body
        var headers = options.headers.sorted { $0.key < $1.key }.map {
            HTTPClient.Header(name: $0.key, value: $0.value.reveal())
        }
        if body != nil, !options.hasHeader("content-type") {
            headers.append(.init(name: "Content-Type", value: options.contentType))
        }
        self.headers = headers
        answer = HTTPSinkAnswer(options, target: parts.name, hold: parts.hold)
    }

    func deliver(_ delivery: SinkDelivery) async throws {
        let url = try address.url(for: delivery, target: parts.name)
        let content = try body?.bytes(for: delivery, target: parts.name)
        var request = HTTPClient.Request(
            options.method, url, target: parts.name, body: content, acceptsTruncatedBody: true,
            requiresPublicAddress: address.isTemplate && !options.allowsPrivateAddresses)
        request.headers = headers + ownHeaders(of: delivery)
        if let error = answer.error(to: try await send(request)) { throw error }
    }

    /// An address that is not public is the event's fault where the event chooses the host, and the configuration's elsewhere.
    private func send(_ request: HTTPClient.Request) async throws -> HTTPClient.Response {
        do {
            return try await parts.send(request)
        } catch let error as HTTPClientError where error.code == .addressRefused && !address.choosesHost {
            let note = "\(parts.name): \(error.detail ?? error.reason); allow_private lets it pass"
            throw HandlerError("\(error)", reason: error.reason, disposition: .hold(note, for: parts.hold))
        }
    }

    private func ownHeaders(of delivery: SinkDelivery) -> [HTTPClient.Header] {
        var own: [HTTPClient.Header] = []
        if options.preset == nil, options.sendsIdempotencyKey, !options.hasHeader("idempotency-key") {
            own.append(.init(name: "Idempotency-Key", value: PercentEncoding.headerValue(delivery.id.description)))
        }
        if let cloudEvents = options.cloudEvents, cloudEvents.mode == .binary {
            own += cloudEvents.attributes(of: delivery).map { name, value in
                .init(name: "ce-\(name)", value: PercentEncoding.headerValue(value))
            }
        }
        return own
    }
}

extension HTTPSink: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Its headers hold secrets.
    var description: String { "http sink \(parts.name)" }
    var debugDescription: String { description }
    var customMirror: Mirror { Mirror(self, children: []) }
}

extension HTTPSinkOptions {
    func hasHeader(_ name: String) -> Bool { headers.keys.contains { $0.lowercased() == name } }

    /// Of the body that is sent.
    var contentType: String {
        if cloudEvents?.mode == .structured { return "application/cloudevents+json" }
        return headers.first { $0.key.lowercased() == "content-type" }?.value.reveal() ?? "application/json"
    }

    /// What a body's template is written in: where it makes the data of a CloudEvent in an envelope, that is JSON.
    var format: TemplateFormat { TemplateFormat(contentType: contentType) }
}
