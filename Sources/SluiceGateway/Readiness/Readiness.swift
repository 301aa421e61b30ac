import Sluice
import SluiceHTTP

/// Whether the gateway takes webhooks in, and what is worth knowing besides.
struct Readiness: Sendable {
    /// Why webhooks cannot be taken in now; empty when they can.
    var reasons: [String] = []
    /// What is not as it should be while webhooks are taken in all the same, such as a sink that is held.
    var notes: [String] = []

    var response: HTTPInboundResponse {
        let body = JSONWriter.object { json in
            json.member("status", reasons.isEmpty ? "ready" : "not ready")
            for (name, lines) in [("reasons", reasons), ("notes", notes)] where !lines.isEmpty {
                json.name(name)
                json.array { json in
                    for line in lines { json.string(line) }
                }
            }
        }
        return HTTPInboundResponse(
            status: reasons.isEmpty ? 200 : 503, headers: [.init("Content-Type", "application/json")],
            body: body + [UInt8(ascii: "\n")])
    }
}
