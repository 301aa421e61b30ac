public import Sluice

/// A message's payload is not the JSON of the value that its handler takes. It is poisoned: trying again cannot help.
///
/// It says what is wrong and where, and quotes no values of the payload.
public struct MessageDecodingError: DispositionError, CustomStringConvertible {
    public let description: String

    public var disposition: Disposition { .poison(description) }
    public var reason: String { "malformed_json" }

    init(_ error: any Error, type: String) {
        description = "the payload is not the JSON of \(type): \(Self.fault(error))"
    }

    private static func fault(_ error: any Error) -> String {
        switch error {
        case DecodingError.keyNotFound(let key, let context):
            "`\(path(context.codingPath + [key]))` is missing"
        case DecodingError.valueNotFound(let type, let context):
            "\(place(context.codingPath)) is null or missing where \(type) is expected"
        case DecodingError.typeMismatch(let type, let context):
            "\(place(context.codingPath)) is no \(type)"
        case DecodingError.dataCorrupted(let context):
            context.codingPath.isEmpty
                ? "it is no valid JSON" : "\(place(context.codingPath)) has a value that is not allowed"
        case let error as any DispositionError:
            "\(error.reason)"
        default:
            "\(Swift.type(of: error))"
        }
    }

    private static func place(_ path: [any CodingKey]) -> String {
        path.isEmpty ? "it" : "`\(Self.path(path))`"
    }

    /// `items[3].price`. Keys may come from the payload, and are cut.
    private static func path(_ keys: [any CodingKey]) -> String {
        var text = ""
        for key in keys {
            if let index = key.intValue {
                text += "[\(index)]"
            } else {
                text += (text.isEmpty ? "" : ".") + key.stringValue.prefix(64)
            }
            guard text.utf8.count <= 512 else { return text + "…" }
        }
        return text
    }
}

/// A value could not be written as JSON. The message that it was made for is poisoned: trying again cannot help.
public struct MessageEncodingError: DispositionError, CustomStringConvertible {
    /// The value's type.
    public let type: String
    public let underlying: any Error

    public var disposition: Disposition { .poison(description) }
    public var reason: String { "unencodable_json" }
    public var description: String { "\(type) cannot be written as JSON: \(Swift.type(of: underlying))" }
}
