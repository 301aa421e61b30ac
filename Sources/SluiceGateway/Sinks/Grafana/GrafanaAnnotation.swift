import Crypto
package import Sluice

/// What goes to and comes from Grafana's annotations (`POST` and `GET /api/annotations`).
package enum GrafanaAnnotation {
    /// The path of both requests, to be put behind the address of Grafana.
    package static let path = "/api/annotations"

    /// Grafana's column for each half of a tag (it splits `key:value` at the first colon) holds 100 characters; some
    /// of its databases fail on more.
    private static let maximumTag = 100

    /// The body that creates the event's annotation.
    ///
    /// - Parameter id: the id of the event's message, with which ``query(id:)`` finds the annotation again.
    package static func body(for event: Event, id: MessageID) -> [UInt8] {
        JSONWriter.object { json in
            json.member("time", event.occurredOn.millisecondsSince1970)
            json.member("timeEnd", event.occurredOn.millisecondsSince1970)
            json.name("tags")
            json.array { json in
                for tag in tags(of: event, id: id) { json.string(tag) }
            }
            json.member("text", text(of: event))
        }
    }

    /// The body that creates the annotation of what has happened to the gateway.
    static func body(for announcement: Announcement) -> [UInt8] {
        JSONWriter.object { json in
            json.member("time", announcement.time.millisecondsSince1970)
            json.member("timeEnd", announcement.time.millisecondsSince1970)
            json.name("tags")
            json.array { $0.string(shortened(announcement.tag)) }
            json.member("text", announcement.text)
        }
    }

    package static func text(of event: Event) -> String {
        switch event {
        case .commitPushed(let event): "Commit \(event.id) pushed by \(event.author)"
        case .commitDeployed(let event): "Commit \(event.id) deployed to \(event.env)"
        case .deploymentFailed(let event): "Commit \(event.id) failed to deploy to \(event.env)"
        case .incidentOpened(let event): "Incident \(event.id) of \(event.service) opened"
        case .incidentResolved(let event):
            "Incident \(event.id) of \(event.service) resolved\(EventLine.span(of: event))"
        }
    }

    package static func tags(of event: Event, id: MessageID) -> [String] {
        let kind: String
        switch event {
        case .commitPushed: kind = "pushed"
        case .commitDeployed(let event): kind = "deploy-\(event.env)"
        case .deploymentFailed(let event): kind = "deploy-failed-\(event.env)"
        case .incidentOpened: kind = "incident-opened"
        case .incidentResolved: kind = "incident-resolved"
        }
        let place = event.incident?.service ?? event.repository
        return [shortened(kind)] + (place.map { [shortened($0)] } ?? []) + [tag(id)]
    }

    /// The query, behind the question mark, that finds the annotation of an event.
    package static func query(id: MessageID) -> String {
        "type=annotation&limit=1&tags=\(PercentEncoding.encoded(tag(id)))"
    }

    /// Whether the answer to ``query(id:)`` holds the annotation of that event.
    /// - Throws: when the answer is not what Grafana answers, so that it is not taken for a no.
    package static func answer(_ body: [UInt8], holds id: MessageID) throws(JSONError) -> Bool {
        let wanted = tag(id)
        var found = false
        try JSONReader.read(body) { (reader) throws(JSONError) in
            try reader.array { (reader) throws(JSONError) in
                try reader.object { (key, reader) throws(JSONError) in
                    guard key == "tags", reader.kind == .array else { return }
                    try reader.array { (reader) throws(JSONError) in
                        if try reader.string().utf8.elementsEqual(wanted.utf8) { found = true }
                    }
                }
            }
        }
        return found
    }

    /// What Grafana answers that takes everything: to a search what it has, to a post that it has it now.
    static func answer(_ request: ScenarioSinkKind.Request) -> String {
        guard request.method == "GET" else { return #"{"id":1,"message":"Annotation added"}"# }
        guard request.isTaken else { return "[]" }
        return #"[{"id":1,"tags":["\#(tag(request.message.id))"]}]"#
    }

    /// A foreign id that Grafana would not keep as it is (it cuts spaces off, and its databases hold so many
    /// characters) is replaced by its SHA-256, so that no two ids share a tag. So is one that looks like that.
    private static func tag(_ id: MessageID) -> String {
        let text = id.description
        let isKept =
            (1...maximumTag).contains(text.unicodeScalars.count) && !text.hasUnsafeCharacters
            && text.unicodeScalars.first?.properties.isWhitespace == false
            && text.unicodeScalars.last?.properties.isWhitespace == false && !text.hasPrefix("sha256-")
        return "event:" + (isKept ? text : "sha256-" + hash(text))
    }

    /// What does not fit ends in 16 digits of its SHA-256.
    private static func shortened(_ tag: String) -> String {
        guard tag.unicodeScalars.count > maximumTag else { return tag }
        return String(tag.unicodeScalars.prefix(maximumTag - 17)) + "~" + hash(tag).prefix(16)
    }

    private static func hash(_ text: String) -> String {
        SHA256.hash(data: Array(text.utf8)).map { byte in
            let digits = String(byte, radix: 16)
            return byte < 16 ? "0" + digits : digits
        }.joined()
    }
}
