/// Chooses an answer's format and encoding from what the client accepts (RFC 9110, section 12).
///
/// A metrics endpoint never answers 406: a client that accepts nothing of what there is gets plain text.
public enum Negotiation {
    /// The format with the highest weight; among equals the one that is named more precisely, then the one named first,
    /// then text.
    /// - Parameter accept: the header's value; nil or empty means anything.
    public static func format(accept: String?) -> ExpositionFormat {
        let elements = HeaderElement.parse(accept ?? "")
        let text = match(elements, type: "text", subtype: "plain", version: "0.0.4")
        let openMetrics = match(elements, type: "application", subtype: "openmetrics-text", version: "1.0.0")
        guard let openMetrics, openMetrics.weight > 0 else { return .text }
        guard let text else { return .openMetrics }
        return openMetrics.isBetter(than: text) ? .openMetrics : .text
    }

    /// Whether the answer may be compressed, and the client does not like it better as it is.
    /// - Parameter acceptEncoding: the header's value; nil means no.
    public static func acceptsGzip(_ acceptEncoding: String?) -> Bool {
        let elements = HeaderElement.parse(acceptEncoding ?? "")
        let wildcard = elements.first { $0.value == "*" }?.weight
        // `x-gzip` is the same (RFC 9110, section 8.4.1.3).
        let gzip = elements.first { $0.value == "gzip" || $0.value == "x-gzip" }?.weight ?? wildcard ?? 0
        let identity = elements.first { $0.value == "identity" }?.weight ?? 0
        return gzip > 0 && gzip >= identity
    }

    private struct Match {
        var weight: Double
        /// How exactly the media range names the type: 0 for `*/*`, 3 for one with our version.
        var precision: Int
        var position: Int

        func isBetter(than other: Match) -> Bool {
            if weight != other.weight { return weight > other.weight }
            if precision.signum() != other.precision.signum() { return precision > other.precision }
            if precision == 0 { return false }
            return position < other.position
        }
    }

    /// The weight of a type is that of the most precise range that covers it, wherever that stands.
    private static func match(_ elements: [HeaderElement], type: String, subtype: String, version: String) -> Match? {
        var best: Match?
        for (position, element) in elements.enumerated() {
            let precision: Int
            switch element.value {
            case "*/*", "*": precision = 0
            case "\(type)/*": precision = 1
            case "\(type)/\(subtype)":
                switch element.parameter("version") {
                case nil: precision = 2
                case version: precision = 3
                default: continue
                }
            default: continue
            }
            if precision > best?.precision ?? -1 {
                best = Match(weight: element.weight, precision: precision, position: position)
            }
        }
        return best
    }
}
