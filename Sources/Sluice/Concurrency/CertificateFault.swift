/// Why a broker's certificate was refused, told apart by OpenSSL's code, for every adapter that verifies one.
package struct CertificateFault: Sendable, Hashable, CustomStringConvertible {
    /// What is wrong with it.
    package enum Kind: Sendable, Hashable {
        case untrusted, expired, notYetValid, wrongHost, revoked, unusable
    }

    package let kind: Kind
    /// Whether it is the certificate of an authority, and not the broker's own.
    package let isOfAuthority: Bool
    private let code: Int32

    /// - Parameters:
    ///   - code: `X509_V_ERR_…` of OpenSSL (`x509_vfy.h`).
    ///   - depth: of the certificate in its chain; the broker's own is at 0.
    package init(code: Int32, depth: Int32) {
        self.code = code
        isOfAuthority = depth > 0
        kind =
            switch code {
            // No issuer at hand, a signature that does not fit, signed by itself, distrusted.
            case 2, 4, 6, 7, 18, 19, 20, 21, 24, 27, 28: .untrusted
            case 9: .notYetValid
            case 10: .expired
            case 23: .revoked
            // Of a host's name, and of an IP address.
            case 62, 64: .wrongHost
            default: .unusable
            }
    }

    package var description: String {
        let subject = isOfAuthority ? "the authority that signed it" : "it"
        let fault =
            switch kind {
            case .untrusted: "none of the authorities that are trusted has signed it"
            case .expired: isOfAuthority ? "the certificate of \(subject) has expired" : "it has expired"
            case .notYetValid:
                isOfAuthority
                    ? "the certificate of \(subject) is not valid yet, by this machine's clock"
                    : "it is not valid yet, by this machine's clock"
            case .wrongHost: "it is for another host than the one that was asked for"
            case .revoked: "it was revoked"
            case .unusable: "it cannot be used for this (OpenSSL's code \(code))"
            }
        return "its certificate could not be verified: \(fault)"
    }
}
