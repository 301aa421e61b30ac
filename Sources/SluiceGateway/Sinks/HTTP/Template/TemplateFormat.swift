import Sluice

/// What a template is written in, and so how values are written into it.
enum TemplateFormat: Sendable, Equatable {
    /// Values stand between quotes and cannot end them.
    case json
    /// A form, as browsers send it: values are percent-encoded.
    case form
    /// HTML or XML: the five characters that mean something become entities.
    case markup
    /// Anything else: values as they are.
    case text
    /// An address: values are percent-encoded, so that they are no other part of it than the one in which they stand.
    case url

    /// - Parameter type: the value of a header `Content-Type`.
    init(contentType type: String) {
        let media = type.prefix { $0 != ";" }.filter { !$0.isWhitespace }.lowercased()
        switch media {
        case "application/json", "text/json": self = .json
        case "application/x-www-form-urlencoded": self = .form
        case "text/html", "text/xml", "application/xml": self = .markup
        default: self = media.hasSuffix("+json") ? .json : media.hasSuffix("+xml") ? .markup : .text
        }
    }

    func escape(_ text: String) -> String {
        switch self {
        case .json: Self.json(text)
        case .form, .url: PercentEncoding.encoded(text)
        case .markup: Self.markup(text)
        case .text: text
        }
    }

    /// Also U+2028 and U+2029, which end a line where JSON is read as JavaScript.
    private static func json(_ text: String) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count + 8)
        var rest = text.unicodeScalars[...]
        while let separator = rest.firstIndex(where: { $0.value == 0x2028 || $0.value == 0x2029 }) {
            JSONWriter.append(escaped: String(rest[..<separator]), to: &bytes)
            bytes += JSONWriter.escape(UInt16(truncatingIfNeeded: rest[separator].value))
            rest = rest[rest.index(after: separator)...]
        }
        JSONWriter.append(escaped: String(rest), to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func markup(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result.append(contentsOf: "&amp;".unicodeScalars)
            case "<": result.append(contentsOf: "&lt;".unicodeScalars)
            case ">": result.append(contentsOf: "&gt;".unicodeScalars)
            case "\"": result.append(contentsOf: "&quot;".unicodeScalars)
            case "'": result.append(contentsOf: "&#39;".unicodeScalars)
            default: result.append(scalar)
            }
        }
        return String(result)
    }
}
