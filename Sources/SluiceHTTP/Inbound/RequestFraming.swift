internal import NIOHTTP1

/// What the head of a request says about how its body comes and what is expected in turn, read in one pass.
struct RequestFraming {
    var contentType: String?
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
            case 12 where contentType == nil && ASCII.equals(name, "content-type"): contentType = value
            // The parser has refused what is no number; one that does not fit is beyond every limit.
            case 14 where ASCII.equals(name, "content-length"): length = Int(value) ?? .max
            case 16 where ASCII.equals(name, "content-encoding"): encode(value)
            case 17 where ASCII.equals(name, "transfer-encoding"): length = nil
            default: continue
            }
        }
        if head.method == .CONNECT { upgrade = true }
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

    init(_ target: String) {
        var rest = target[...]
        if target.utf8.first != UInt8(ascii: "/"), target.lowercased().hasPrefix("http://") {
            // The absolute form, as proxies send it.
            rest = rest.dropFirst("http://".count)
            rest = rest.firstIndex { $0 == "/" || $0 == "?" }.map { rest[$0...] } ?? "/"
        }
        if let mark = rest.utf8.firstIndex(of: UInt8(ascii: "?")) {
            path = String(rest[..<mark])
            query = String(rest[rest.utf8.index(after: mark)...])
        } else {
            path = rest.utf8.count == target.utf8.count ? target : String(rest)
            query = nil
        }
    }
}
