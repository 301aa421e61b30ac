import Foundation
import SluiceTesting

/// A collector on loopback, and what it was given.
final class FakeCollector: Sendable {
    struct Span: Sendable {
        let traceID: String
        let id: String
        let parent: String?
        let name: String
        let kind: Int
        let attributes: [String: String]
        let isError: Bool
    }

    let server: TestHTTPServer

    init() throws {
        server = try TestHTTPServer { _ in .status(200, body: "{}") }
    }

    deinit { server.stop() }

    var spans: [Span] {
        server.requests.flatMap { request -> [Span] in
            let root = try? JSONSerialization.jsonObject(with: Data(request.body)) as? [String: Any]
            return Self.list(root?["resourceSpans"]).flatMap { Self.list($0["scopeSpans"]) }
                .flatMap { Self.list($0["spans"]) }.compactMap(Self.span)
        }
    }

    private static func list(_ value: Any?) -> [[String: Any]] { value as? [[String: Any]] ?? [] }

    private static func span(_ object: [String: Any]) -> Span? {
        guard let trace = object["traceId"] as? String, let id = object["spanId"] as? String,
            let name = object["name"] as? String, let kind = object["kind"] as? Int
        else { return nil }
        var attributes: [String: String] = [:]
        for attribute in list(object["attributes"]) {
            guard let name = attribute["key"] as? String, let value = attribute["value"] as? [String: Any] else {
                continue
            }
            attributes[name] = value.values.first.map { "\($0)" }
        }
        return Span(
            traceID: trace, id: id, parent: object["parentSpanId"] as? String, name: name, kind: kind,
            attributes: attributes, isError: (object["status"] as? [String: Any])?["code"] as? Int == 2)
    }
}
