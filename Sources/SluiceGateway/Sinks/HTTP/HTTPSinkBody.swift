import Sluice

/// What a sink sends of an event.
struct HTTPSinkBody: Sendable {
    private enum Kind: Sendable {
        case preset(HTTPSinkOptions.Preset, routingKey: Secret?)
        case template(EventTemplate, TemplateFormat)
        /// The event as JSON.
        case event
    }

    private let kind: Kind
    private let cloudEvents: HTTPSinkOptions.CloudEvents?
    private let limit: Int

    /// - Throws: what is wrong with the template.
    init(_ options: HTTPSinkOptions) throws(TemplateFault) {
        cloudEvents = options.cloudEvents
        limit = options.maximumBody
        if let preset = options.preset {
            kind = .preset(preset, routingKey: options.routingKey)
        } else if let text = options.body {
            let template = try EventTemplate(text, as: options.format)
            kind = .template(template, options.format)
        } else {
            kind = .event
        }
    }

    /// - Throws: an error that gives the event up.
    func bytes(for delivery: SinkDelivery, target: String) throws(HandlerError) -> [UInt8] {
        let content = try content(for: delivery, target)
        let bytes =
            if let cloudEvents, cloudEvents.mode == .structured {
                cloudEvents.envelope(of: delivery, data: content)
            } else {
                content
            }
        guard bytes.count <= limit else { throw tooLarge(target) }
        return bytes
    }

    private func content(for delivery: SinkDelivery, _ target: String) throws(HandlerError) -> [UInt8] {
        switch kind {
        case .preset(let preset, let key): return preset.body(for: delivery, routingKey: key)
        case .event: return cloudEvents == nil ? Self.object(of: delivery) : delivery.event.message().payload
        case .template(let template, let format):
            let text: String
            do {
                text = try template.render(delivery, atMost: limit)
            } catch {
                throw tooLarge(target)
            }
            guard !text.allSatisfy(\.isWhitespace) else {
                let words = "the template of \(target) gives nothing for the event"
                throw HandlerError(words, reason: "template_empty", disposition: .discard(words))
            }
            let bytes = Array(text.utf8)
            guard format != .json || (try? JSONReader.validate(bytes)) != nil else {
                let words = "the template of \(target) gives no JSON for the event"
                throw HandlerError(words, reason: "template_not_json", disposition: .poison(words))
            }
            return bytes
        }
    }

    private func tooLarge(_ target: String) -> HandlerError {
        let words = "the body for \(target) is larger than \(limit) bytes"
        return HandlerError(words, reason: "body_too_large", disposition: .poison(words))
    }

    /// The event as it stands on the queue, its kind and id in front.
    private static func object(of delivery: SinkDelivery) -> [UInt8] {
        var bytes = JSONWriter.object(capacity: 512) { json in
            json.member("kind", delivery.event.kind.rawValue)
            json.member("event_id", delivery.id.description)
        }
        bytes[bytes.count - 1] = UInt8(ascii: ",")
        return bytes + delivery.event.message().payload.dropFirst()
    }
}
