import Sluice

extension FailureDiary {
    /// The broker's `host:port` in one of librdkafka's names, such as `ssl://b.example:9093/bootstrap`, or in an error
    /// that begins with one.
    static func broker(in text: String) -> String {
        // Errors of no broker begin with a sentence.
        var name = text.prefix { $0 != " " }
        guard name.count == text.count || name.last == ":" else { return "" }
        if let scheme = name.firstRange(of: "://") { name = name[scheme.upperBound...] }
        if let end = name.firstIndex(of: "/") { return String(name[..<end]) }
        return String(name.last == ":" ? name.dropLast() : name)
    }
}
