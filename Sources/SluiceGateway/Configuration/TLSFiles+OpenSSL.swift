import COpenSSL

extension TLSFiles {
    /// Owns a certificate of OpenSSL's.
    final class Certificate {
        enum Validity {
            case valid, expired, early
        }

        let pointer: OpaquePointer

        private init(_ pointer: OpaquePointer) {
            self.pointer = pointer
        }

        deinit {
            X509_free(pointer)
        }

        var time: Validity {
            // Nil is now.
            if X509_cmp_time(X509_get0_notAfter(pointer), nil) < 0 { return .expired }
            return X509_cmp_time(X509_get0_notBefore(pointer), nil) > 0 ? .early : .valid
        }

        /// The certificates of a text in PEM, up to the first that cannot be read; none where one is damaged.
        static func all(in bytes: [UInt8]) -> [Certificate] {
            withMemory(bytes) { memory in
                var all: [Certificate] = []
                while let pointer = PEM_read_bio_X509_AUX(memory, nil, { _, _, _, _ in 0 }, nil) {
                    all.append(Certificate(pointer))
                }
                // The end of the file is that nothing begins any more.
                let reason = Int32(truncatingIfNeeded: ERR_peek_last_error() & 0x7F_FFFF)
                return reason == PEM_R_NO_START_LINE ? all : []
            }
        }
    }

    /// Owns a private key of OpenSSL's.
    final class PrivateKey {
        let pointer: OpaquePointer

        init?(_ bytes: [UInt8], _ question: PasswordQuestion) {
            let pointer = withMemory(bytes) { memory in
                PEM_read_bio_PrivateKey(
                    memory, nil,
                    { buffer, size, _, question in
                        guard let buffer, let question else { return 0 }
                        return Unmanaged<PasswordQuestion>.fromOpaque(question).takeUnretainedValue().answer(
                            UnsafeMutableBufferPointer(start: buffer, count: Int(max(0, size))))
                    }, Unmanaged.passUnretained(question).toOpaque())
            }
            guard let pointer else { return nil }
            self.pointer = pointer
        }

        deinit {
            EVP_PKEY_free(pointer)
        }
    }

    /// OpenSSL's question for a password, which it would put to the terminal otherwise.
    final class PasswordQuestion {
        private let password: [UInt8]?
        private(set) var wasAsked = false

        init(_ password: String?) {
            self.password = password.map { Array($0.utf8) }
        }

        fileprivate func answer(_ buffer: UnsafeMutableBufferPointer<CChar>) -> Int32 {
            wasAsked = true
            guard let password, password.count <= buffer.count else { return 0 }
            for (place, byte) in password.enumerated() { buffer[place] = CChar(bitPattern: byte) }
            return Int32(password.count)
        }
    }

    /// Lends the bytes as OpenSSL reads them, and leaves no error behind.
    private static func withMemory<Result>(_ bytes: [UInt8], _ body: (OpaquePointer) -> Result?) -> Result? {
        ERR_clear_error()
        defer { ERR_clear_error() }
        return bytes.withUnsafeBytes { buffer in
            guard let memory = BIO_new_mem_buf(buffer.baseAddress, Int32(clamping: buffer.count)) else { return nil }
            defer { BIO_free(memory) }
            return body(memory)
        }
    }

    private static func withMemory<Result>(_ bytes: [UInt8], _ body: (OpaquePointer) -> [Result]) -> [Result] {
        withMemory(bytes) { Optional(body($0)) } ?? []
    }
}
