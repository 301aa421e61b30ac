import COpenSSL

/// The files with which a client of TLS proves itself and knows others: read at start, so that what is wrong with them is
/// told then, and by the name of the setting.
struct TLSFiles {
    /// What each part is called where it is set, such as a variable's name.
    struct Part {
        let name: String
        let value: String

        /// Nil where it is not set.
        init?(_ name: String, _ value: String?) {
            guard let value, !value.isEmpty else { return nil }
            self.name = name
            self.value = value
        }
    }

    /// A file of certificates, or a directory of them.
    var authorities: Part?
    var certificate: Part?
    var key: Part?
    var keyPassword: Part?

    /// What is found, one line each: the name of the setting, and what is expected or the matter. Never a value.
    private(set) var problems: [String] = []
    private(set) var warnings: [String] = []

    /// Reads them all. What stands alone and needs the other is told by `names`.
    /// - Parameter names: what certificate and key are called where they are missing.
    mutating func check(names: (certificate: String, key: String)) {
        if let authorities { check(authorities: authorities) }
        switch (certificate, key) {
        case (nil, nil):
            if let keyPassword {
                problems.append("\(names.key): expected the file of a key beside \(keyPassword.name)")
            }
        case (let certificate?, nil):
            problems.append("\(names.key): expected the file of the key beside \(certificate.name)")
            _ = read(certificate, "a certificate", Self.certificates)
        case (nil, let key?):
            problems.append("\(names.certificate): expected the file of the certificate beside \(key.name)")
        case (let certificate?, let key?):
            let chain = read(certificate, "a certificate", Self.certificates)
            let secret = self.key(key)
            guard let chain, let leaf = chain.first else { return }
            warn(of: leaf, certificate.name)
            if let secret, X509_check_private_key(leaf.pointer, secret.pointer) != 1 {
                problems.append(
                    "\(key.name): expected the key of the certificate in \(certificate.name); it is another's")
            }
            ERR_clear_error()
        }
    }

    private mutating func check(authorities part: Part) {
        // OpenSSL looks up in a directory by the hash of a name what it needs.
        if case .directory = FileContent(part.value) { return }
        guard let all = read(part, "certificates", Self.certificates) else { return }
        // One that has expired among others is what bundles are like.
        if all.allSatisfy({ $0.time != .valid }), let first = all.first { warn(of: first, part.name) }
    }

    private mutating func warn(of certificate: Certificate, _ name: String) {
        switch certificate.time {
        case .valid: break
        case .expired: warnings.append("\(name): the certificate has expired")
        case .early: warnings.append("\(name): the certificate is not valid yet, by this machine's clock")
        }
    }

    /// - Returns: nil when a problem says why.
    private mutating func read<Value>(_ part: Part, _ what: String, _ parse: ([UInt8]) -> Value?) -> Value? {
        switch FileContent(part.value) {
        case .bytes(let bytes):
            if let value = parse(bytes) { return value }
            let found =
                if bytes.isEmpty {
                    "; the file is empty"
                } else if bytes.contains("PRIVATE KEY-----") {
                    "; the file holds a private key"
                } else if bytes.contains("-----BEGIN CERTIFICATE-----") {
                    what == "a private key" ? "; the file holds a certificate" : "; the file is damaged"
                } else {
                    ""
                }
            problems.append("\(part.name): expected a file with \(what) in PEM\(found)")
        case .directory: problems.append("\(part.name): expected a file, not a directory")
        case .special: problems.append("\(part.name): expected a file, not a pipe or a device")
        case .missing: problems.append("\(part.name): expected a file that exists")
        case .tooLarge: problems.append("\(part.name): expected a file of at most 8 MiB")
        case .unreadable: problems.append("\(part.name): expected a file that this user may read")
        }
        return nil
    }

    private mutating func key(_ part: Part) -> PrivateKey? {
        let asked = PasswordQuestion(keyPassword?.value)
        let bytes = read(part, "a private key") { $0.contains("PRIVATE KEY-----") ? $0 : nil }
        guard let bytes else { return nil }
        if let key = PrivateKey(bytes, asked) { return key }
        switch (asked.wasAsked, keyPassword) {
        case (false, _): problems.append("\(part.name): expected a file with a private key in PEM; the file is damaged")
        case (true, let password?):
            problems.append("\(password.name): expected the password that the key in \(part.name) is encrypted with")
        case (true, nil): problems.append("\(part.name): expected its password to be set: the key is encrypted")
        }
        return nil
    }

    private static func certificates(_ bytes: [UInt8]) -> [Certificate]? {
        let all = Certificate.all(in: bytes)
        return all.isEmpty ? nil : all
    }
}

extension [UInt8] {
    fileprivate func contains(_ text: String) -> Bool {
        firstRange(of: Array(text.utf8)) != nil
    }
}
