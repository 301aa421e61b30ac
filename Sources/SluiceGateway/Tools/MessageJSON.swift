import Foundation
import Sluice

/// A message as one JSON object.
enum MessageJSON {
    static func encode(_ carried: CarriedMessage, _ origin: Delivery.Origin, _ topic: Topic) -> [UInt8] {
        let message = carried.message
        return JSONWriter.object(capacity: message.payload.count + 256) { json in
            json.member("topic", topic.name)
            if let partition = origin.partition { json.member("partition", Int64(partition)) }
            if let offset = origin.offset { json.member("offset", offset) }
            json.member("timestamp", ifPresent: origin.timestamp.map(RFC3339.format))
            if let key = carried.key { json.bytes("key", key) }
            if origin.attempt > 1 { json.member("attempt", Int64(origin.attempt)) }
            json.member("id", message.id.description)
            json.name("metadata")
            json.object { json in
                for entry in message.metadata { json.member(entry.name, entry.value) }
            }
            if !carried.exactMetadata.isEmpty {
                json.name("metadata_base64")
                json.object { json in
                    for entry in message.metadata {
                        guard let value = carried.exactMetadata[entry.name] else { continue }
                        json.name(entry.name)
                        if let value { json.string(Data(value).base64EncodedString()) } else { json.null() }
                    }
                }
            }
            if carried.isNull {
                json.name("payload")
                json.null()
            } else {
                json.bytes("payload", message.payload)
            }
        }
    }

    /// A message as it was in a log.
    struct Exported {
        var carried: CarriedMessage
        /// Nil where the line does not say.
        var topic: String?
        var time: Timestamp?
    }

    static func decode(_ line: [UInt8]) throws(MessageFormatError) -> CarriedMessage {
        try fields(of: line).message()
    }

    /// The message with where and when it was.
    static func decodeExported(_ line: [UInt8]) throws(MessageFormatError) -> Exported {
        let fields = try fields(of: line)
        let carried = try fields.message()
        let time = fields.time.map(RFC3339.parse)
        if case .some(.none) = time { throw MessageFormatError("timestamp is not an RFC 3339 time") }
        return Exported(carried: carried, topic: fields.topic, time: time ?? nil)
    }

    private static func fields(of line: [UInt8]) throws(MessageFormatError) -> Fields {
        var fields = Fields()
        do {
            try JSONReader.read(line) { (reader) throws(JSONError) in
                guard reader.kind == .object else { return }
                fields.isObject = true
                try reader.object { (name, reader) throws(JSONError) in try fields.take(name, &reader) }
            }
        } catch {
            throw MessageFormatError("not a JSON object")
        }
        guard fields.isObject else { throw MessageFormatError("not a JSON object") }
        return fields
    }
}

/// What the members of an object say.
private struct Fields {
    enum Payload {
        case text([UInt8])
        case base64(String)
        case null
    }

    var isObject = false
    var topic: String?
    var time: String?
    /// The first thing that is wrong.
    var problem: String?
    var id: String?
    var metadata = MetadataReader()
    var exact: [(name: String, base64: String?)] = []
    var payload: Payload?
    var key: [UInt8]?
    var key64: String?

    mutating func take(_ name: borrowing JSONKey, _ reader: inout JSONReader) throws(JSONError) {
        if name == "payload" {
            let isFirst = note(payload == nil, "both payload and payload_base64, or one of them twice")
            switch reader.kind {
            case .null:
                _ = try reader.null()
                if isFirst { payload = .null }
            case .string: payload = .text(Array(try reader.string().utf8))
            default: payload = .text(try reader.raw())
            }
        } else if name == "payload_base64" {
            note(payload == nil, "both payload and payload_base64, or one of them twice")
            if let text = try text("payload_base64 is not a string", &reader) { payload = .base64(text) }
        } else if name == "id" {
            id = try text("id is not a string", &reader)
            note(id != "", "id is empty")
        } else if name == "key" {
            if try reader.null() { return }
            note(key64 == nil, "both key and key_base64")
            key = try text("key is not a string", &reader).map { Array($0.utf8) }
        } else if name == "key_base64" {
            note(key == nil, "both key and key_base64")
            key64 = try text("key_base64 is not a string", &reader)
        } else if name == "metadata" {
            try takeMetadata(&reader)
        } else if name == "metadata_base64" {
            try takeExact(&reader)
        } else if name == "topic" {
            topic = try reader.stringOrSkip()
        } else if name == "timestamp" {
            time = try reader.stringOrSkip()
        } else if !(name == "partition" || name == "offset" || name == "attempt") {
            note(false, "the member \(name.text.truncated(toBytes: 40)) is not known")
        }
    }

    @discardableResult
    private mutating func note(_ isRight: Bool, _ problem: String) -> Bool {
        if !isRight, self.problem == nil { self.problem = problem }
        return isRight
    }

    private mutating func text(_ problem: String, _ reader: inout JSONReader) throws(JSONError) -> String? {
        guard note(reader.kind == .string, problem) else { return nil }
        return try reader.string()
    }

    private mutating func takeMetadata(_ reader: inout JSONReader) throws(JSONError) {
        guard note(reader.kind == .object, "metadata is not an object of strings") else { return }
        try reader.object { (name, reader) throws(JSONError) in
            let name = name.text
            if let value = try text("metadata is not an object of strings", &reader) { metadata.take(name, value) }
        }
    }

    private mutating func takeExact(_ reader: inout JSONReader) throws(JSONError) {
        let expectation = "metadata_base64 is not an object of strings or null"
        guard note(reader.kind == .object, expectation) else { return }
        try reader.object { (name, reader) throws(JSONError) in
            let name = name.text
            if reader.kind == .null {
                _ = try reader.null()
                exact.append((name, nil))
            } else if let text = try text(expectation, &reader) {
                exact.append((name, text))
            }
        }
    }

    func message() throws(MessageFormatError) -> CarriedMessage {
        if let problem { throw MessageFormatError(problem) }
        var carried = CarriedMessage(Message(payload: []), key: key)
        switch payload {
        case .text(let bytes): carried.message.payload = bytes
        case .base64(let text): carried.message.payload = try Self.bytes(text, "payload_base64")
        case .null: carried.isNull = true
        case nil: throw MessageFormatError("neither payload nor payload_base64")
        }
        if let id { carried.message.id = MessageID(id) }
        if let key64 { carried.key = try Self.bytes(key64, "key_base64") }
        guard !metadata.isCutOff else { throw MessageFormatError("\(MetadataError())") }
        carried.message.metadata = metadata.metadata
        for (name, text) in exact {
            let value = try text.map { text throws(MessageFormatError) in try Self.bytes(text, "metadata_base64") }
            carried.exactMetadata.updateValue(value, forKey: name)
            if carried.message.metadata[name] == nil {
                carried.message.metadata[name] = value.map { String(decoding: $0, as: UTF8.self) } ?? ""
            }
        }
        return carried
    }

    private static func bytes(_ text: String, _ member: String) throws(MessageFormatError) -> [UInt8] {
        guard let data = Data(base64Encoded: text) else { throw MessageFormatError("\(member) is not Base64") }
        return [UInt8](data)
    }
}

extension JSONWriter {
    /// A member with text, or where the bytes are none, one with `_base64` behind its name.
    fileprivate mutating func bytes(_ name: String, _ bytes: [UInt8]) {
        if let text = String(validating: bytes, as: UTF8.self) {
            member(name, text)
        } else {
            member("\(name)_base64", Data(bytes).base64EncodedString())
        }
    }
}
