import Sluice

extension HTTPSinkOptions {
    /// How events go as CloudEvents 1.0 (HTTP binding). `id` is the event's, so that a receiver knows a second attempt;
    /// `subject` is the repository, else the service; the data is the event as JSON, or what the body's template gives.
    public struct CloudEvents: Sendable, Hashable {
        /// Where the attributes stand.
        public struct Mode: Sendable, Hashable {
            let word: String

            /// In headers `ce-…`; the body is the data.
            public static let binary = Mode(word: "binary")
            /// In the body, which is `application/cloudevents+json`.
            public static let structured = Mode(word: "structured")
        }

        /// Default `.binary`.
        public var mode: Mode
        /// Names this gateway; a URI or the path of one. Default `/sluice`.
        public var source: String
        /// Stands before the kind in `type`. Default `dev.sluice.`, so `dev.sluice.commitPushed`.
        public var typePrefix: String

        public init(mode: Mode = .binary, source: String = "/sluice", typePrefix: String = "dev.sluice.") {
            self.mode = mode
            self.source = source
            self.typePrefix = typePrefix
        }
    }
}

extension HTTPSinkOptions.CloudEvents {
    /// In the order in which the specification has them.
    func attributes(of delivery: SinkDelivery) -> [(name: String, value: String)] {
        let event = delivery.event
        var attributes = [
            ("specversion", "1.0"), ("id", delivery.id.description), ("source", source),
            ("type", typePrefix + event.kind.rawValue), ("time", RFC3339.format(event.occurredOn)),
        ]
        if let subject = event.repository ?? event.service { attributes.append(("subject", subject)) }
        return attributes
    }

    /// The body of the structured mode.
    /// - Parameter data: JSON.
    func envelope(of delivery: SinkDelivery, data: [UInt8]) -> [UInt8] {
        var body = JSONWriter.object(capacity: data.count + 256) { json in
            for (name, value) in attributes(of: delivery) { json.member(name, value) }
            json.member("datacontenttype", "application/json")
        }
        // The writer writes values, and this one is written already.
        body.removeLast()
        body += Array(#","data":"#.utf8)
        body += data
        body.append(UInt8(ascii: "}"))
        return body
    }
}
