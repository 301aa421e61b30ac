import CCurl
import Glibc
import Sluice

/// The system's trusted certificates and some more, in PEM format, at an address that stays.
///
/// Immutable, so it may be read from any thread; libcurl reads it while a transfer's handle is set up with it.
final class CertificateBundle: @unchecked Sendable {
    let bytes: UnsafeMutableRawBufferPointer

    /// - Throws: when there is no certificate in the file.
    init(adding file: String) throws(ConfigurationError) {
        let added = try Self.certificates(in: file, "additionalCertificates")
        // Where libcurl knows no such file, it knows a directory, which it reads beside what is given here.
        let system = curl_version_info(CURLVERSION_SEVENTH)?.pointee.cainfo.flatMap {
            Self.contents(String(cString: $0))
        }
        let all = (system ?? []) + [UInt8(ascii: "\n")] + added
        bytes = .allocate(byteCount: all.count, alignment: 1)
        bytes.copyBytes(from: all)
    }

    deinit {
        bytes.deallocate()
    }

    /// - Throws: when the client's field names a file without any.
    @discardableResult
    static func certificates(in file: String, _ field: String) throws(ConfigurationError) -> [UInt8] {
        let found = contents(file)
        try ConfigurationCheck.all(of: "HTTPClient") { check in
            check(field, found != nil, expected: "a file that can be read", value: file)
            check(
                field, holdsCertificate(found ?? []), expected: "a file with certificates in PEM format", value: file)
        }
        return found ?? []
    }

    private static func holdsCertificate(_ pem: [UInt8]) -> Bool {
        String(decoding: pem, as: UTF8.self).contains("-----BEGIN CERTIFICATE-----")
    }

    private static func contents(_ path: String) -> [UInt8]? {
        guard let file = fopen(path, "re") else { return nil }
        defer { fclose(file) }
        var contents: [UInt8] = []
        // More than any bundle holds; a device would never end.
        while contents.count < 16 << 20 {
            let count = contents.withUnsafeTemporaryChunk { fread($0.baseAddress, 1, $0.count, file) }
            if count == 0 { return ferror(file) == 0 ? contents : nil }
        }
        return nil
    }
}

extension [UInt8] {
    /// Appends as many bytes as `body` has written into the room that it is lent.
    fileprivate mutating func withUnsafeTemporaryChunk(_ body: (UnsafeMutableRawBufferPointer) -> Int) -> Int {
        withUnsafeTemporaryAllocation(byteCount: 65_536, alignment: 1) { chunk in
            let count = body(chunk)
            append(contentsOf: UnsafeRawBufferPointer(rebasing: chunk[..<count]))
            return count
        }
    }
}
