import Foundation
import Sluice
import SluiceHTTP
import SluicePrometheus

/// `/` and `/status.json` of the metrics listener.
enum StatusResources {
    /// - Parameter snapshot: makes it. It may wait for what is on this machine, and for no broker.
    static func make(
        _ check: HostCheck, _ snapshot: @escaping @Sendable () async -> Snapshot
    ) -> [HTTPResource] {
        let page = StatusPage.bundled
        return [
            HTTPResource("/") { request in
                if let refusal = check.refusal(request) { return refusal }
                guard wantsMarkup(request) else {
                    return await answer(request, Array(StatusText(snapshot()).text.utf8), "text/plain; charset=utf-8")
                }
                var response = answer(request, page.markup, "text/html; charset=utf-8", packed: page.packed)
                response.headers.append(.init("Content-Security-Policy", page.contentSecurityPolicy))
                return response
            },
            HTTPResource("/status.json") { request in
                if let refusal = check.refusal(request) { return refusal }
                return await answer(request, snapshot().json, "application/json")
            },
        ]
    }

    /// A browser says that it takes HTML; curl takes anything.
    private static func wantsMarkup(_ request: HTTPInboundRequest) -> Bool {
        request.headers["Accept"]?.lowercased().contains("text/html") ?? false
    }

    /// What is shorter gains nothing by being compressed.
    private static let shortest = 1_024

    /// - Parameter packed: the body, compressed before.
    private static func answer(
        _ request: HTTPInboundRequest, _ body: [UInt8], _ type: String, packed: [UInt8]? = nil
    ) -> HTTPInboundResponse {
        var sent: [UInt8]?
        if body.count >= shortest, Negotiation.acceptsGzip(request.headers["Accept-Encoding"]) {
            sent = packed ?? Gzip.compress(body, 1)
        }
        var response = HTTPInboundResponse.ok(sent ?? body, contentType: type)
        if sent != nil { response.headers.append(.init("Content-Encoding", "gzip")) }
        response.headers += [
            .init("Cache-Control", "no-store"), .init("X-Content-Type-Options", "nosniff"),
            .init("X-Frame-Options", "DENY"), .init("Referrer-Policy", "no-referrer"),
            .init("Vary", "Accept, Accept-Encoding"),
        ]
        return response
    }
}

extension Snapshot {
    /// As `/status.json` answers it, members in alphabetical order.
    public var json: [UInt8] {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
        guard let data = try? encoder.encode(self) else { return Array("{}\n".utf8) }
        return Array(data) + [UInt8(ascii: "\n")]
    }

    /// - Throws: `DecodingError` where it is no snapshot of this ``version``.
    public init(json: some Sequence<UInt8>) throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
        self = try decoder.decode(Snapshot.self, from: Data(json))
    }
}
