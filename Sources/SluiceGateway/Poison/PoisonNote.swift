import Sluice

/// What a person has noted about a cause.
struct PoisonNote: Sendable, Equatable {
    static let longest = 500
    /// What facts about causes begin with.
    static let prefix = "poison note "

    var text = ""
    /// Who, as the kernel says.
    var by = ""
    var at = Timestamp(millisecondsSince1970: 0)

    func write(_ json: inout JSONWriter) {
        json.member("text", text)
        json.member("by", by)
        json.member("at", RFC3339.format(at))
    }

    var encoded: String { String(decoding: JSONWriter.object(write), as: UTF8.self) }

    /// Nil for what cannot be read.
    static func decode(_ text: String) -> PoisonNote? {
        var note = PoisonNote()
        do {
            try JSONReader.fields(of: Array(text.utf8)) { (reader) throws(JSONError) in
                try reader.field("text", &note.text)
                try reader.field("by", &note.by)
                if reader.isAt("at") { note.at = RFC3339.parse(try reader.string()) ?? note.at }
            }
        } catch {
            return nil
        }
        return note
    }
}
