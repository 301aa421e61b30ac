import Logging

/// A message as it goes to the poison queue, whole or cut down.
struct PoisonCopy {
    /// What of it is left out.
    enum Cut: Equatable {
        case none
        /// All of the payload but so many bytes from its beginning.
        case payload(Int)
        /// The payload, the message's own metadata, and an id that is no id's length.
        case all
    }

    /// The longest that a text of ours may be, in bytes.
    private static let longestText = 4_096
    /// The longest id that is kept in a copy that is cut down to the last.
    private static let longestID = 255

    private let original: Message
    /// What happened, and where the message lies.
    private let facts: Metadata
    let place: Logger.Metadata

    init(of message: Message, _ error: any Error, _ context: HandlerContext) {
        var facts = Metadata()
        var place: Logger.Metadata = ["topic": "\(context.route.topic)"]
        facts[PoisonMetadata.reason] = Self.shortened("\(error)")
        facts[PoisonMetadata.topic] = context.route.topic.name
        facts[PoisonMetadata.handler] = context.route.name
        facts[PoisonMetadata.subscriber] = context.route.subscriberName
        facts[PoisonMetadata.time] = "\(context.route.time.timestamp.millisecondsSince1970)"
        facts[PoisonMetadata.attempts] = "\(context.delivery.trace.attempts)"
        if let partition = context.origin.partition {
            facts[PoisonMetadata.partition] = "\(partition)"
            place["partition"] = "\(partition)"
        }
        if let offset = context.origin.offset {
            facts[PoisonMetadata.offset] = "\(offset)"
            place["offset"] = "\(offset)"
        }
        var original = message
        for entry in context.outgoing where original.metadata[entry.name] == nil {
            original.metadata[entry.name] = entry.value
        }
        self.original = original
        self.facts = facts
        self.place = place
    }

    /// The next smaller cut; nil where there is none.
    func next(after cut: Cut) -> Cut? {
        switch cut {
        case .none: original.payload.isEmpty ? .all : .payload(original.payload.count / 2)
        case .payload(0): .all
        // A few attempts suffice, however large it was.
        case .payload(let kept): .payload(kept > 1_024 ? kept / 8 : 0)
        case .all: nil
        }
    }

    func message(_ cut: Cut) -> Message {
        var message = original
        switch cut {
        case .none: break
        case .payload(let kept): message.payload = Array(original.payload.prefix(kept))
        case .all:
            message.payload = []
            message.metadata = [:]
        }
        var facts = facts
        if cut != .none { facts[PoisonMetadata.truncated] = "\(original.payload.count)" }
        if cut == .all, message.id.byteCount > Self.longestID {
            facts[PoisonMetadata.id] = Self.shortened(message.id.description)
            message.id = MessageID()
        }
        message.metadata = Self.joined(message.metadata, facts)
        return message
    }

    /// The facts always have room: a reader of the poison queue takes no more than ``MetadataLimits`` allow.
    private static func joined(_ metadata: Metadata, _ facts: Metadata) -> Metadata {
        var all = metadata
        all.merge(facts)
        guard MetadataLimits.excess(of: all) != nil else { return all }
        var reader = MetadataReader()
        for entry in facts { reader.take(entry.name, entry.value) }
        for entry in metadata where facts[entry.name] == nil { reader.take(entry.name, entry.value) }
        return reader.metadata
    }

    private static func shortened(_ text: String) -> String {
        guard text.utf8.count > longestText else { return text }
        // What is cut within a character is replaced.
        return String(decoding: text.utf8.prefix(longestText), as: UTF8.self) + "…"
    }
}

extension MessageID {
    fileprivate var byteCount: Int {
        bits == nil ? description.utf8.count : UUIDText.length
    }
}
