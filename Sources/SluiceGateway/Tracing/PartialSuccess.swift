import Sluice

/// What a collector says that took a request and not all of its spans
/// (https://opentelemetry.io/docs/specs/otlp/#partial-success-1).
struct PartialSuccess {
    private(set) var rejected = 0
    private(set) var message: String?

    /// An answer that is something else says that all is well.
    init(_ body: [UInt8]) {
        guard !body.isEmpty else { return }
        var (rejected, message): (Int, String?) = (0, nil)
        let isRead: Void? = try? JSONReader.read(body) { (json) throws(JSONError) in
            guard json.kind == .object else { return }
            try json.object { (key, json) throws(JSONError) in
                guard key == "partialSuccess", json.kind == .object else { return }
                try json.object { (key, json) throws(JSONError) in
                    if key == "rejectedSpans" {
                        // A text, as every number of 64 bits in OTLP; some write a number.
                        let text = json.kind == .string ? try json.string() : nil
                        if let text {
                            rejected = Int(text) ?? 0
                        } else if json.kind == .number {
                            rejected = Int(clamping: try json.number().integer() ?? 0)
                        }
                    } else if key == "errorMessage", json.kind == .string {
                        message = try json.string()
                    }
                }
            }
        }
        guard isRead != nil else { return }
        self.rejected = max(0, rejected)
        self.message = message.map { String($0.prefix(200)) }
    }
}
