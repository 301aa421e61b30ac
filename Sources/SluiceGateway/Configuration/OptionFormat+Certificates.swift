import Foundation

extension OptionFormat where Value == String {
    /// The path of a file of certificates, which is read here to find out at start what is wrong with it.
    static var certificates: Self {
        Self(
            "a path",
            checking: { path throws(OptionMismatch) in
                guard !path.utf8.contains(0) else { throw OptionMismatch(expected: "a path") }
                guard let contents = FileManager.default.contents(atPath: path) else {
                    throw OptionMismatch(expected: "a file that can be read")
                }
                guard CertificateText.isWhole(String(decoding: contents, as: UTF8.self)) else {
                    throw OptionMismatch(expected: "a file of certificates in PEM format")
                }
                return path
            })
    }
}

private enum CertificateText {
    /// Whether there is a certificate in the text, and each that begins is whole: base64 of a DER sequence of its own
    /// length.
    static func isWhole(_ pem: String) -> Bool {
        let (begin, end) = ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----")
        let parts = pem.components(separatedBy: begin).dropFirst()
        return !parts.isEmpty
            && parts.allSatisfy { part in
                guard let stop = part.range(of: end),
                    let der = Data(base64Encoded: part[..<stop.lowerBound].filter { !$0.isWhitespace })
                else { return false }
                return isSequence(Array(der))
            }
    }

    /// A DER sequence (X.690) that takes up all of the bytes. A certificate's length has two or three bytes.
    private static func isSequence(_ der: [UInt8]) -> Bool {
        guard der.count > 4, der[0] == 0x30, der[1] & 0x80 != 0 else { return false }
        let size = Int(der[1] & 0x7F)
        guard (1...3).contains(size) else { return false }
        let length = der[2..<2 + size].reduce(0) { $0 << 8 | Int($1) }
        return der.count == 2 + size + length
    }
}
