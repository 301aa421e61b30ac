/// A value in a table of headers or arguments, with the types of RabbitMQ
/// (<https://www.rabbitmq.com/amqp-0-9-1-errata.html#section_3>).
public enum AMQPValue: Sendable, Hashable {
    case bool(Bool)
    case int8(Int8)
    case uint8(UInt8)
    case int16(Int16)
    case uint16(UInt16)
    case int32(Int32)
    case uint32(UInt32)
    case int64(Int64)
    case uint64(UInt64)
    case float(Float)
    case double(Double)
    /// `value` divided by 10 to the power of `scale`.
    case decimal(value: Int32, scale: UInt8)
    /// Text; bytes that are not UTF-8 come as ``bytes(_:)``.
    case text(String)
    case bytes([UInt8])
    /// In seconds since 1970.
    case timestamp(UInt64)
    case array([AMQPValue])
    case table(AMQPTable)
    case void

    /// The value as a whole number, where it is one.
    public var integer: Int64? {
        switch self {
        case .int8(let value): Int64(value)
        case .uint8(let value): Int64(value)
        case .int16(let value): Int64(value)
        case .uint16(let value): Int64(value)
        case .int32(let value): Int64(value)
        case .uint32(let value): Int64(value)
        case .int64(let value): value
        case .uint64(let value): Int64(exactly: value)
        default: nil
        }
    }

    /// How many bytes it takes on the wire.
    var size: Int {
        switch self {
        case .bool, .int8, .uint8: 2
        case .int16, .uint16: 3
        case .int32, .uint32, .float: 5
        case .int64, .uint64, .double, .timestamp: 9
        case .decimal: 6
        case .text(let text): 5 + text.utf8.count
        case .bytes(let bytes): 5 + bytes.count
        case .array(let values): values.reduce(5) { $0 + $1.size }
        case .table(let table): 1 + table.size
        case .void: 1
        }
    }
}

extension AMQPValue: CustomStringConvertible {
    /// As metadata shows it: numbers and text as they are, bytes in hexadecimal, times as seconds, arrays and tables
    /// in the manner of JSON, nothing as an empty text.
    public var description: String {
        switch self {
        case .text(let text): text
        case .void: ""
        default: nested
        }
    }

    private var nested: String {
        switch self {
        case .bool(let value): "\(value)"
        case .int8, .uint8, .int16, .uint16, .int32, .uint32, .int64: "\(integer ?? 0)"
        case .uint64(let value), .timestamp(let value): "\(value)"
        case .float(let value): "\(value)"
        case .double(let value): "\(value)"
        case .decimal(let value, let scale): Self.decimal(value, scale)
        case .text(let text): Self.quoted(text)
        case .bytes(let bytes): Self.hexadecimal(bytes)
        case .array(let values): "[\(values.map(\.nested).joined(separator: ","))]"
        case .table(let table):
            "{\(table.map { "\(Self.quoted($0.name)):\($0.value.nested)" }.joined(separator: ","))}"
        case .void: "null"
        }
    }

    private static func decimal(_ value: Int32, _ scale: UInt8) -> String {
        guard scale > 0 else { return "\(value)" }
        let digits = String(value.magnitude)
        let padded = String(repeating: "0", count: max(0, Int(scale) + 1 - digits.count)) + digits
        return "\(value < 0 ? "-" : "")\(padded.dropLast(Int(scale))).\(padded.suffix(Int(scale)))"
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.reduce(into: "") { text, byte in
            if byte < 16 { text += "0" }
            text += String(byte, radix: 16)
        }
    }

    private static func quoted(_ text: String) -> String {
        text.unicodeScalars.reduce(into: "\"") { quoted, scalar in
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        } + "\""
    }
}

extension AMQPValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
    public init(stringLiteral value: String) { self = .text(value) }
    public init(integerLiteral value: Int64) { self = .int64(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
}
