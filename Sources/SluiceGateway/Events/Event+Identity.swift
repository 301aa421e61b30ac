import Crypto
public import Sluice

extension Event {
    /// The id of the event's message, made of what the event is about, so that a program that reports the same thing twice
    /// (a redelivered webhook, a commit that reaches a second branch) makes the same id.
    ///
    /// A UUIDv8 (RFC 9562, section 5.8) of a SHA-256. A push is its repository and commit; a deployment its
    /// repository, service, environment, commit and time.
    public var messageID: MessageID {
        switch self {
        case .commitPushed(let event):
            Self.identify("sluice/commitPushed/1", event.repository ?? "", event.id)
        case .commitDeployed(let event), .deploymentFailed(let event):
            Self.identify(
                "sluice/\(kind.rawValue)/1", event.repository ?? "", event.service ?? "", event.env, event.id,
                String(event.occurredOn.millisecondsSince1970))
        }
    }

    private static func identify(_ fields: String...) -> MessageID {
        var input: [UInt8] = []
        input.reserveCapacity(256)
        for field in fields {
            // With its length in front, no field can pass for a part of another.
            withUnsafeBytes(of: UInt32(truncatingIfNeeded: field.utf8.count).bigEndian) { input.append(contentsOf: $0) }
            input.append(contentsOf: field.utf8)
        }
        var high: UInt64 = 0
        var low: UInt64 = 0
        for (index, byte) in SHA256.hash(data: input).enumerated() {
            switch index {
            case 0..<8: high = high << 8 | UInt64(byte)
            case 8..<16: low = low << 8 | UInt64(byte)
            default: break
            }
        }
        return MessageID(
            high: high & 0xFFFF_FFFF_FFFF_0FFF | 0x8000,
            low: low & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000)
    }
}
