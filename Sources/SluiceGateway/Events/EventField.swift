/// The rules that the fields of events keep, whatever source they come from.
enum EventField {
    static let maximumName = 255
    static let maximumAuthor = 255
    static let maximumRef = 1_024
    static let maximumURL = 2_048
    static let maximumMessage = 65_536
    static let maximumDescription = 1_024

    /// The hash of a commit: 4 (the shortest that git abbreviates to) to 64 (SHA-256) hexadecimal digits, in
    /// lowercase so that every source names a commit alike. Nil for anything else.
    static func commit(_ text: String) -> String? {
        guard (4...64).contains(text.utf8.count) else { return nil }
        var hasCapitals = false
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): break
            case UInt8(ascii: "A")...UInt8(ascii: "F"): hasCapitals = true
            default: return nil
            }
        }
        return hasCapitals ? text.lowercased() : text
    }

    /// The name of an environment, a service or a repository: 1 to 255 bytes, nothing that breaks a line or hides.
    static func name(_ text: String) -> String? {
        guard !text.isEmpty, text.utf8.count <= maximumName, !text.hasUnsafeCharacters else { return nil }
        return text
    }

    /// An author is never worth losing a commit for: what does not fit is cut, what could break a line replaced.
    static func author(_ text: String?) -> String? {
        guard let text, !text.isEmpty else { return nil }
        if text.isPlainLine(upTo: maximumAuthor) { return text }
        // A replacement is longer than what it stands for: what is far beyond the limit need not be looked at.
        return text.truncated(toBytes: 4 * maximumAuthor).replacingUnsafeCharacters().truncated(toBytes: maximumAuthor)
    }

    static func ref(_ text: String?) -> String? {
        guard let text, !text.isEmpty, text.utf8.count <= maximumRef, !text.hasUnsafeCharacters else { return nil }
        return text
    }

    /// A link that sinks may show. One that is not plain http or https is left out.
    static func url(_ text: String?) -> String? {
        guard let text, text.utf8.count <= maximumURL,
            text.hasPrefix("https://") || text.hasPrefix("http://"),
            text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { return nil }
        return text
    }

    static func message(_ text: String) -> String {
        text.truncated(toBytes: maximumMessage)
    }

    /// The first line of a commit's message, at most 255 bytes.
    static func title(_ message: String) -> String {
        if message.isPlainLine(upTo: PushFact.maximumTitle) { return message }
        return message.truncated(toBytes: 4 * PushFact.maximumTitle).firstLine.replacingUnsafeCharacters()
            .truncated(toBytes: PushFact.maximumTitle).firstLine
    }

    /// One line about something, at most 1,024 bytes: what does not fit is cut, what could break a line replaced.
    static func description(_ text: String?) -> String? {
        guard let text else { return nil }
        let line = text.truncated(toBytes: 4 * maximumDescription).firstLine.replacingUnsafeCharacters()
            .truncated(toBytes: maximumDescription).firstLine
        return line.isEmpty ? nil : line
    }

    /// What another system calls a thing of its own, by the rules of names.
    static func identifier(_ text: String) -> String? { name(text) }
}
