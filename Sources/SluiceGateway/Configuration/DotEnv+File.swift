#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

extension DotEnv {
    /// Far more than a configuration needs: a mistaken path must not fill the memory.
    private static let maximumSize = 1 << 20

    /// The text of the file, or nil when there is none.
    /// - Throws: ``EnvironmentError`` when it is there but cannot be read.
    public static func text(ofFile path: String) throws(EnvironmentError) -> String? {
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
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw EnvironmentError(problems: [".env: expected UTF-8"])
        }
        return text
    }
}
