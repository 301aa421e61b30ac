/// What proves to a server who is asking. Nothing that prints it shows it.
public struct Credentials: Sendable {
    enum Kind: Sendable {
        case basic(user: String, password: String)
        case bearer(token: String)
    }

    let kind: Kind

    private init(kind: Kind) {
        self.kind = kind
    }

    /// Basic authentication (RFC 7617). The user must not contain a colon; the password may.
    public static func basic(user: String, password: String) -> Credentials {
        Credentials(kind: .basic(user: user, password: password))
    }

    /// Basic authentication from `user:password`: the user ends at the first colon, and everything after it is the
    /// password. Nil when there is no colon or no user.
    public static func basic(_ text: String) -> Credentials? {
        guard let colon = text.firstIndex(of: ":"), colon != text.startIndex else { return nil }
        return .basic(user: String(text[..<colon]), password: String(text[text.index(after: colon)...]))
    }

    /// A token in an `Authorization: Bearer` header (RFC 6750).
    public static func bearer(_ token: String) -> Credentials {
        Credentials(kind: .bearer(token: token))
    }

    /// Whether they can be written into a header: a control character would end it, or the string in C.
    var isWritable: Bool {
        switch kind {
        case .basic(let user, let password):
            user.utf8.allSatisfy { !$0.isControl && $0 != UInt8(ascii: ":") }
                && password.utf8.allSatisfy { !$0.isControl }
        case .bearer(let token):
            !token.isEmpty && token.utf8.allSatisfy { !$0.isControl }
        }
    }
}

extension Credentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String {
        switch kind {
        case .basic: "basic credentials (redacted)"
        case .bearer: "bearer token (redacted)"
        }
    }

    public var debugDescription: String { description }

    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension UInt8 {
    /// C0 controls and DEL.
    var isControl: Bool { self < 0x20 || self == 0x7F }
}
