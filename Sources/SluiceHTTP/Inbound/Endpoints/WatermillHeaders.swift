import Sluice

/// The headers in which Watermill's HTTP publisher sends what travels beside a payload.
enum WatermillHeaders {
    static let uuid = "Message-Uuid"
    static let metadata = "Message-Metadata"
    static let longestID = 256

    static func apply(_ headers: HTTPInboundHeaders, to message: inout Message) throws(HTTPRejection) {
        if let id = try headers.single(uuid), !id.isEmpty {
            guard id.utf8.count <= longestID else {
                throw HTTPRejection(400, "the header \(uuid) is longer than \(longestID) bytes")
            }
            message.id = MessageID(id)
        }
        if let text = try headers.single(metadata), !text.isEmpty {
            let entries: MetadataReader
            do {
                entries = try read(text)
            } catch {
                throw HTTPRejection(400, "the header \(metadata) is not a JSON object of strings")
            }
            guard !entries.isCutOff else { throw HTTPRejection(400, "\(MetadataError())") }
            message.metadata = entries.metadata
        }
    }

    /// Go writes an empty object as `null`.
    private static func read(_ text: String) throws(JSONError) -> MetadataReader {
        var entries = MetadataReader()
        try JSONReader.read(Array(text.utf8)) { (reader) throws(JSONError) in
            if try reader.null() { return }
            try reader.object { (name, reader) throws(JSONError) in entries.take(name.text, try reader.string()) }
        }
        return entries
    }
}
