import Glibc

extension DotEnv {
    /// Far more than a configuration needs: a mistaken path must not fill the memory.
    private static let maximumSize = 1 << 20

    /// The text of the file, or nil when there is none.
    /// - Parameters:
    ///   - path: where the file is.
    ///   - repairing: whether bytes that are not UTF-8 are replaced instead of refused: they may stand on another
    ///     program's lines. Default false.
    /// - Throws: ``EnvironmentError`` when it is there but cannot be read.
    public static func text(ofFile path: String, repairing: Bool = false) throws(EnvironmentError) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw EnvironmentError(problems: [".env: expected a readable file (errno \(errno))"])
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                throw EnvironmentError(problems: [".env: expected a readable file (errno \(errno))"])
            }
            if count == 0 { break }
            bytes.append(contentsOf: buffer.prefix(count))
            guard bytes.count <= maximumSize else {
                throw EnvironmentError(problems: [".env: expected a file of at most 1 MiB"])
            }
        }
        if let text = String(validating: bytes, as: UTF8.self) { return text }
        // UTF-16, which hides every line.
        guard repairing, !bytes.contains(0) else { throw EnvironmentError(problems: [".env: expected UTF-8"]) }
        return String(decoding: bytes, as: UTF8.self)
    }
}
