internal import Crypto

extension HTTPAuthenticator {
    /// A token, as `Authorization: Bearer …` (RFC 6750) or as the password of any user in `Authorization: Basic …`
    /// (RFC 7617), which browsers and curl can send. Compared in constant time.
    public static func token(_ token: String) -> HTTPAuthenticator {
        // Of equal length whatever the tokens are, so that the comparison does not tell the length either.
        let expected = SHA256.hash(data: Array(token.utf8))
        let challenges = [
            HTTPInboundResponse.Header("WWW-Authenticate", #"Bearer realm="sluice""#),
            HTTPInboundResponse.Header("WWW-Authenticate", #"Basic realm="sluice", charset="UTF-8""#),
        ]
        return HTTPAuthenticator(head: { request in
            guard let value = try request.headers.single("Authorization"), !value.isEmpty else {
                throw HTTPRejection(
                    401, "a token is needed: as Bearer, or as the password of Basic", headers: challenges)
            }
            let given = credentials(value, scheme: "bearer").map { Array($0.utf8) } ?? password(value)
            guard let given, SHA256.hash(data: given) == expected else {
                throw HTTPRejection(401, "the token is wrong", headers: challenges)
            }
        })
    }

    private static func password(_ value: String) -> [UInt8]? {
        guard let pair = credentials(value, scheme: "basic").flatMap({ Base64.decode($0.utf8) }),
            let colon = pair.firstIndex(of: UInt8(ascii: ":"))
        else { return nil }
        return Array(pair[(colon + 1)...])
    }
}

/// RFC 4648, section 4.
enum Base64 {
    /// Nil for what is none. The padding may be missing.
    static func decode(_ text: some Sequence<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        var buffer: UInt32 = 0
        var bits = 0
        var padding = 0
        for character in text {
            if character == UInt8(ascii: "=") {
                padding += 1
                continue
            }
            guard padding == 0, let value = value(character) else { return nil }
            buffer = buffer << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: buffer >> UInt32(bits)))
                buffer &= (1 << UInt32(bits)) - 1
            }
        }
        return padding <= 2 && bits < 6 ? bytes : nil
    }

    private static func value(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): character - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): character - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
