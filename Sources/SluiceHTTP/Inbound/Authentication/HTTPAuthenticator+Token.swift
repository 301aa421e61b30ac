import Crypto
import Sluice

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
