import Sluice
import SluiceHTTP

/// PagerDuty's change events (Events API v2), which tell who is called out what has changed of late.
enum PagerDutyPreset: HTTPPreset {
    private static let (maximumSummary, maximumDetail) = (1_024, 4_000)

    static var url: String? { "https://events.pagerduty.com/v2/change/enqueue" }
    static var needsRoutingKey: Bool { true }

    static let answers = HTTPSinkOptions.Answers(
        success: [202], poison: [400, 413], retry: HTTPSinkOptions.Answers.standardRetry)

    /// An integration takes 120 events a minute.
    static var throttle: Throttle? { Throttle(rate: 2, burst: 10) }

    static func body(for delivery: SinkDelivery, routingKey: Secret?) -> [UInt8] {
        let event = delivery.event
        return JSONWriter.object(capacity: 1_024) { json in
            json.member("routing_key", routingKey?.reveal() ?? "")
            json.name("payload")
            json.object { json in
                json.member("summary", ChatText.plain(EventLine.text(of: event), limit: maximumSummary))
                json.member("timestamp", RFC3339.format(event.occurredOn))
                json.member("source", event.orderingKey)
                json.name("custom_details")
                json.object { json in details(of: delivery, &json) }
            }
            guard case .commitPushed(let push) = event, let url = push.url else { return }
            json.name("links")
            json.array { json in
                json.object { json in
                    json.member("href", url)
                    json.member("text", "View commit")
                }
            }
        }
    }

    private static func details(of delivery: SinkDelivery, _ json: inout JSONWriter) {
        json.member("event_id", delivery.id.description)
        json.member("kind", delivery.event.kind.rawValue)
        if delivery.event.incident == nil { json.member("commit", delivery.event.commit) }
        json.member("repository", ifPresent: delivery.event.repository)
        switch delivery.event {
        case .commitPushed(let push):
            json.member("author", push.author)
            json.member("ref", ifPresent: push.ref)
            json.member("message", ChatText.plain(push.message.firstLine, limit: maximumDetail))
        case .commitDeployed(let deployment), .deploymentFailed(let deployment):
            json.member("environment", deployment.env)
            json.member("service", ifPresent: deployment.service)
        case .incidentOpened(let incident), .incidentResolved(let incident):
            json.member("incident", incident.id)
            json.member("service", incident.service)
        }
    }

    // MARK: Answers

    /// `{"status": "success", "message": "Change event processed", "links": []}`.
    static func isSuccess(_ response: HTTPClient.Response) -> Bool {
        guard !response.isBodyTruncated else { return false }
        return words(response.body)?.status == "success"
    }

    /// `{"status": "invalid event", "message": "…", "errors": ["…"]}`. A key that is wrong is the configuration's fault.
    static func blamesEvent(_ response: HTTPClient.Response) -> Bool {
        guard response.status == 400 else { return true }
        guard let words = words(response.body), words.status != nil else { return false }
        return !words.all.contains { text in
            let plain = text.lowercased().replacing("_", with: " ")
            return plain.contains("routing key") || plain.contains("service key") || plain.contains("integration key")
        }
    }

    private struct Words {
        var status: String?
        var all: [String] = []
    }

    private static func words(_ body: [UInt8]) -> Words? {
        var words = Words()
        do {
            try JSONReader.fields(of: body) { (reader) throws(JSONError) in
                try reader.fieldOrSkip("status", &words.status)
                if reader.isAt("message") {
                    if let text = try reader.stringOrSkip() { words.all.append(text) }
                }
                if reader.isAt("errors"), reader.kind == .array {
                    try reader.array { (reader) throws(JSONError) in
                        if let text = try reader.stringOrSkip() { words.all.append(text) }
                    }
                }
            }
        } catch {
            return nil
        }
        return words
    }
}
