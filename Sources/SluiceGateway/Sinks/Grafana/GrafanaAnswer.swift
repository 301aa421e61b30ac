package import Sluice
package import SluiceHTTP

/// Reads what Grafana's annotations API answered. A message is at fault only when Grafana says so in its own JSON: a
/// proxy, a login page or another server at the address can answer any status.
package enum GrafanaAnswer {
    /// Nil when Grafana stored the annotation, else the error to throw.
    ///
    /// - Parameter hold: how long to wait before a person may have mended the address or the credentials.
    package static func error(toPost response: HTTPClient.Response, hold: Duration) -> (any DispositionError)? {
        if response.isSuccess { return isStored(response) ? nil : unreadable(response, hold) }
        if [400, 413, 422].contains(response.status), namesTheMessage(response) {
            let reason = "http_\(response.status)"
            return HTTPStatusError(status: response.status, target: response.target, disposition: .poison(reason))
        }
        return refusal(response, hold)
    }

    /// Whether Grafana has the event's annotation, by the answer to the search for it.
    package static func holds(
        _ id: MessageID, in response: HTTPClient.Response, hold: Duration
    ) throws -> Bool {
        guard response.isSuccess else { throw refusal(response, hold) }
        do {
            guard !response.isBodyTruncated else { throw unreadable(response, hold) }
            return try GrafanaAnnotation.answer(response.body, holds: id)
        } catch {
            throw unreadable(response, hold)
        }
    }

    /// An answer that is not about the message: what may pass is tried again, the rest waits for a person.
    private static func refusal(_ response: HTTPClient.Response, _ hold: Duration) -> any DispositionError {
        let disposition =
            switch HTTPStatusError.classify(response)?.kind {
            case .retry(let after)?: Disposition.retry(after: after)
            case .throttled(let after)?: Disposition.throttled(after: after)
            default: Disposition.hold("grafana_http_\(response.status)", for: hold)
            }
        return HTTPStatusError(status: response.status, target: response.target, disposition: disposition)
    }

    private static func unreadable(_ response: HTTPClient.Response, _ hold: Duration) -> any DispositionError {
        HandlerError(
            "what answered with status \(response.status) is not Grafana's API", reason: "grafana_answer",
            disposition: .hold("grafana: status \(response.status) that is not an answer of Grafana's API", for: hold))
    }

    /// `{"id": 1, "message": "Annotation added"}`, with none but Grafana's own members: many a service answers with an id,
    /// a JSON-RPC server also when it refuses.
    private static func isStored(_ response: HTTPClient.Response) -> Bool {
        guard !response.isBodyTruncated else { return false }
        var (hasID, isForeign) = (false, false)
        do {
            try JSONReader.read(response.body) { (reader) throws(JSONError) in
                try reader.object { (key, reader) throws(JSONError) in
                    if key == "id" {
                        let id = reader.kind == .number ? try reader.number() : nil
                        hasID = id.map { !$0.isNegative && $0.isWhole } ?? false
                    } else if key == "message" {
                        let words = reader.kind == .string ? try reader.string() : ""
                        if !words.lowercased().contains("annotation") { isForeign = true }
                    } else if !(key == "startId" || key == "endId" || key == "uid" || key == "orgId") {
                        isForeign = true
                    }
                }
            }
        } catch {
            return false
        }
        return hasID && !isForeign
    }

    /// Whether the refusal is Grafana's: `{"message": "bad request data"}` with none but Grafana's own members, or the
    /// list of faulty fields that releases before 8 answered. The bare words of a status are those of gateways.
    private static func namesTheMessage(_ response: HTTPClient.Response) -> Bool {
        guard !response.isBodyTruncated else { return false }
        var refusal = Refusal()
        do {
            try refusal.read(response.body)
        } catch {
            return false
        }
        return refusal.namesTheMessage
    }

    private struct Refusal {
        private static let genericWords: Set<String> = [
            "", "bad request", "request entity too large", "payload too large", "content too large",
            "request size limit exceeded", "unprocessable entity", "unprocessable content",
        ]

        private var message: String?
        private var hasForeignMembers = false
        private var faultyFields = 0

        var namesTheMessage: Bool {
            if faultyFields > 0 { return !hasForeignMembers }
            guard let message, !hasForeignMembers else { return false }
            return !Self.genericWords.contains(message.firstLine.lowercased())
        }

        mutating func read(_ body: [UInt8]) throws(JSONError) {
            try JSONReader.read(body) { (reader) throws(JSONError) in
                guard reader.kind == .array else { return try readMembers(&reader) }
                try reader.array { (reader) throws(JSONError) in
                    message = nil
                    try readMembers(&reader)
                    if message != nil { faultyFields += 1 }
                }
            }
        }

        private mutating func readMembers(_ reader: inout JSONReader) throws(JSONError) {
            try reader.object { (key, reader) throws(JSONError) in
                if key == "message" {
                    if reader.kind == .string { message = try reader.string() }
                } else if !Self.isGrafanas(key) {
                    hasForeignMembers = true
                }
            }
        }

        private static func isGrafanas(_ key: borrowing JSONKey) -> Bool {
            key == "error" || key == "status" || key == "messageId" || key == "statusCode" || key == "traceID"
                || key == "accessErrorId" || key == "title" || key == "extra" || key == "fieldNames"
                || key == "classification"
        }
    }
}
