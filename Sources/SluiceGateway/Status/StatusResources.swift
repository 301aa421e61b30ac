import Foundation
import Sluice
import SluiceHTTP

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
                    return await answer(Array(StatusText(snapshot()).text.utf8), "text/plain; charset=utf-8")
                }
                var response = answer(page.markup, "text/html; charset=utf-8")
                response.headers.append(.init("Content-Security-Policy", page.contentSecurityPolicy))
                return response
            },
            HTTPResource("/status.json") { request in
                if let refusal = check.refusal(request) { return refusal }
                return await answer(snapshot().json, "application/json")
            },
        ]
    }

    /// A browser says that it takes HTML; curl takes anything.
    private static func wantsMarkup(_ request: HTTPInboundRequest) -> Bool {
        request.headers["Accept"]?.lowercased().contains("text/html") ?? false
    }

    private static func answer(_ body: [UInt8], _ type: String) -> HTTPInboundResponse {
        var response = HTTPInboundResponse.ok(body, contentType: type)
        response.headers += [
            .init("Cache-Control", "no-store"), .init("X-Content-Type-Options", "nosniff"),
            .init("X-Frame-Options", "DENY"), .init("Referrer-Policy", "no-referrer"), .init("Vary", "Accept"),
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
