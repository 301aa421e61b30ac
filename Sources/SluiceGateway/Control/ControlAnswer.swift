import Sluice

/// What a gateway answers: lines of JSON, one for each thing that was asked for, and a last one that says how it went.
///
///     {"item":{"topic":"events","group":"log-to-console","backlog":3}}
///     {"ok":true,"text":"…"}
///     {"ok":false,"code":"not_leading","error":"…"}
struct ControlAnswer: Sendable {
    /// Each an object, as it is written.
    var items: [[UInt8]] = []
    /// For the person who gave the command.
    var text: String?
    /// Whether the process that answers is the one that does the work in question.
    var leads = true

    init(items: [[UInt8]] = [], text: String? = nil, leads: Bool = true) {
        self.items = items
        self.text = text
        self.leads = leads
    }

    var lines: [UInt8] {
        var lines: [UInt8] = []
        for item in items { lines += Array("{\"item\":".utf8) + item + Array("}\n".utf8) }
        return lines
            + JSONWriter.object { json in
                json.member("ok", true)
                json.member("leads", leads)
                json.member("text", ifPresent: text)
            } + [UInt8(ascii: "\n")]
    }

    static func lines(for failure: ControlFailure) -> [UInt8] {
        JSONWriter.object { json in
            json.member("ok", false)
            json.member("code", failure.code.rawValue)
            json.member("error", failure.description)
        } + [UInt8(ascii: "\n")]
    }

    /// Reads a line of an answer.
    /// - Returns: whether it was the last.
    /// - Throws: the failure that it tells of.
    mutating func add(line: [UInt8]) throws(ControlFailure) -> Bool {
        var item: [UInt8]?
        var ok: Bool?
        var (code, error): (String?, String?)
        do {
            try JSONReader.fields(of: line) { (reader) throws(JSONError) in
                if reader.isAt("item") { item = try reader.raw() }
                try reader.field("ok", &ok)
                try reader.field("leads", &leads)
                try reader.field("text", &text)
                try reader.field("code", &code)
                try reader.field("error", &error)
            }
        } catch {
            throw ControlFailure(.malformed, "the gateway's answer cannot be read: \(error)")
        }
        if let item { items.append(item) }
        guard let ok else { return false }
        guard !ok else { return true }
        throw ControlFailure(code.flatMap(ControlFailure.Code.init) ?? .failed, error ?? "the gateway does not say why")
    }
}
