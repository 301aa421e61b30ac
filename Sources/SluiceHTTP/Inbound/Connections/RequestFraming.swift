import NIOHTTP1

/// What the head of a request says about how its body comes and what is expected in turn, read in one pass.
struct RequestFraming {
    var contentType: String?
    /// Whether a second `Content-Type` says something else.
    var hasContentTypes = false
    /// Nil when the body is chunked; 0 without a body.
    var length: Int? = 0
    var expectsContinue = false
    var gzip = false
    var unknownEncoding = false
    /// After a request to switch protocols, which is not granted, the parser reads nothing more.
    var upgrade = false
    /// There must be one (RFC 9112, section 3.2).
    var hosts = 0

    init(_ head: HTTPRequestHead) {
        for (name, value) in head.headers {
            switch name.utf8.count {
            case 4 where ASCII.equals(name, "host"): hosts += 1
            case 6 where ASCII.equals(name, "expect"): expectsContinue = ASCII.equals(value, "100-continue")
            case 7 where ASCII.equals(name, "upgrade"): upgrade = true
            case 12 where ASCII.equals(name, "content-type"):
                if contentType == nil { contentType = value } else if contentType != value { hasContentTypes = true }
            // The parser has refused what is no number; one that does not fit is beyond every limit.
            case 14 where ASCII.equals(name, "content-length"): length = Int(value) ?? .max
            case 16 where ASCII.equals(name, "content-encoding"): encode(value)
            case 17 where ASCII.equals(name, "transfer-encoding"): length = nil
            default: continue
            }
        }
        if head.method == .CONNECT { upgrade = true }
        // RFC 9110, section 10.1.1: such a client does not know what 100 means.
        if head.version == .http1_0 { expectsContinue = false }
    }

    private mutating func encode(_ value: String) {
        if !gzip && (ASCII.equals(value, "gzip") || ASCII.equals(value, "x-gzip")) {
            gzip = true
        } else if !ASCII.equals(value, "identity") && !value.isEmpty {
            unknownEncoding = true
        }
    }
}

/// The path and the query of a request's target (RFC 9112, section 3.2).
struct RequestTarget {
    let path: String
    let query: String?
    /// The host of the absolute form.
    var authority: String?

    init(_ target: String) {
        var rest = target[...]
        if target.utf8.first != UInt8(ascii: "/"), let scheme = Self.scheme(of: target) {
            // The absolute form, as proxies send it.
            rest = rest.dropFirst(scheme.count)
            let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
            authority = String(rest[..<end])
            rest = rest[end...]
            if rest.first != "/" { rest = Substring("/" + rest) }
        }
        if let mark = rest.utf8.firstIndex(of: UInt8(ascii: "?")) {
            path = String(rest[..<mark])
            query = String(rest[rest.utf8.index(after: mark)...])
        } else {
            path = rest.utf8.count == target.utf8.count ? target : String(rest)
            query = nil
        }
    }

    private static func scheme(of target: String) -> String? {
        let start = target.prefix(8).lowercased()
        return ["http://", "https://"].first { start.hasPrefix($0) }
    }
}
