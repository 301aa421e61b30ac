import CRabbitMQ

/// Puts messages together: the method that announces one, its head, and the pieces of its body, for each channel.
final class ContentReader {
    /// Why a message came.
    enum Announcement {
        case delivery(tag: UInt64, isRedelivered: Bool)
        /// No queue takes a message that was published.
        case returned(code: UInt16, text: String)
    }

    /// A whole message.
    struct Content {
        let announcement: Announcement
        let exchange: String
        let routingKey: String
        /// Nil when they cannot be read.
        let properties: AMQPProperties?
        /// The properties as they came.
        let raw: [UInt8]
        /// The beginning of it when it is larger than what is taken in; empty when it is not kept.
        let body: [UInt8]
        let size: UInt64
        let isTooLarge: Bool
        /// Whether there was room for it.
        let isKept: Bool
    }

    private struct Part {
        let announcement: Announcement
        let exchange: String
        let routingKey: String
        var hasHead = false
        var properties: AMQPProperties?
        var raw: [UInt8] = []
        var body: [UInt8] = []
        var size: UInt64 = 0
        var received: UInt64 = 0
        var isTooLarge = false
        var isKept = true
    }

    private let limit: Int
    private var parts: [UInt16: Part] = [:]
    private var exchange = RecentText()
    private var routingKey = RecentText()

    /// How much is kept of a body that is too large, so that a person can tell what it is.
    private static let excerpt = 64 << 10

    /// - Parameter limit: of larger bodies only the beginning is kept.
    init(limit: Int) {
        self.limit = limit
    }

    /// Forgets what was begun on a channel that is closed.
    func forget(_ channel: UInt16) {
        parts[channel] = nil
    }

    func begin(_ delivery: amqp_basic_deliver_t, on channel: UInt16) throws(AMQPError) {
        try begin(
            Part(
                announcement: .delivery(tag: delivery.delivery_tag, isRedelivered: delivery.redelivered != 0),
                exchange: exchange.text(delivery.exchange), routingKey: routingKey.text(delivery.routing_key)),
            on: channel)
    }

    func begin(_ returned: amqp_basic_return_t, on channel: UInt16) throws(AMQPError) {
        try begin(
            Part(
                announcement: .returned(code: returned.reply_code, text: returned.reply_text.text),
                exchange: exchange.text(returned.exchange), routingKey: routingKey.text(returned.routing_key)),
            on: channel)
    }

    private func begin(_ part: Part, on channel: UInt16) throws(AMQPError) {
        guard parts.updateValue(part, forKey: channel) == nil else {
            throw Self.malformed("a message began before the last one was whole")
        }
    }

    /// - Parameter isKept: whether there is room for the body.
    /// - Returns: the message, when it has no body.
    func head(
        _ bodySize: UInt64, _ properties: UnsafePointer<amqp_basic_properties_t>?, _ raw: UnsafeRawBufferPointer,
        isKept: Bool = true, on channel: UInt16
    ) throws(AMQPError) -> Content? {
        guard var part = parts[channel], !part.hasHead else {
            throw Self.malformed("the head of a message came unannounced")
        }
        part.hasHead = true
        part.properties = properties.map { AMQPProperties($0.pointee) }
        part.raw = Array(raw)
        part.size = bodySize
        part.isTooLarge = bodySize > UInt64(limit)
        part.isKept = isKept
        parts[channel] = bodySize == 0 ? nil : part
        return bodySize == 0 ? Self.content(part) : nil
    }

    /// - Returns: the message, when this was the last piece of it.
    func body(_ piece: UnsafeRawBufferPointer, on channel: UInt16) throws(AMQPError) -> Content? {
        guard let index = parts.index(forKey: channel), parts.values[index].hasHead else {
            throw Self.malformed("the body of a message came unannounced")
        }
        let received = parts.values[index].received + UInt64(piece.count)
        let size = parts.values[index].size
        guard received <= size else { throw Self.malformed("the body of a message is longer than its head says") }
        parts.values[index].received = received
        if !parts.values[index].isKept {
            // It is read past.
        } else if parts.values[index].isTooLarge {
            let rest = min(limit, Self.excerpt) - parts.values[index].body.count
            if rest > 0 { parts.values[index].body.append(contentsOf: piece.prefix(rest)) }
        } else {
            if received == size, parts.values[index].body.isEmpty {
                parts.values[index].body = Array(piece)
            } else {
                // The head may claim anything: room is made for what has come.
                parts.values[index].body.append(contentsOf: piece)
            }
        }
        guard received == size else { return nil }
        let part = parts.values[index]
        parts.remove(at: index)
        return Self.content(part)
    }

    private static func content(_ part: Part) -> Content {
        Content(
            announcement: part.announcement, exchange: part.exchange, routingKey: part.routingKey,
            properties: part.properties, raw: part.raw, body: part.body, size: part.size, isTooLarge: part.isTooLarge,
            isKept: part.isKept)
    }

    private static func malformed(_ detail: String) -> AMQPError {
        AMQPError(.malformed, "what the broker sent cannot be read: \(detail)")
    }
}

/// A text that mostly is the same as the last one: made once.
private struct RecentText {
    private var bytes: [UInt8] = []
    private var text = ""

    mutating func text(_ native: amqp_bytes_t) -> String {
        let buffer = native.buffer
        if buffer.elementsEqual(bytes) { return text }
        bytes = Array(buffer)
        text = native.text
        return text
    }
}
