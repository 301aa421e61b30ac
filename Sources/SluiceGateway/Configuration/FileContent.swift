import Glibc

/// What a file of certificates or keys holds, or why it cannot be read.
enum FileContent: Equatable {
    case bytes([UInt8])
    case directory, missing, unreadable, tooLarge
    /// A pipe, a socket or a device.
    case special

    /// Far more than all the authorities of a system.
    private static let maximumSize = 8 << 20

    init(_ path: String) {
        // A pipe must not make it wait.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            self = errno == ENOENT || errno == ENOTDIR ? .missing : .unreadable
            return
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            self = .unreadable
            return
        }
        if status.st_mode & S_IFMT == S_IFDIR {
            self = .directory
            return
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            self = .special
            return
        }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                self = .unreadable
                return
            }
            if count == 0 { break }
            bytes.append(contentsOf: buffer.prefix(count))
            guard bytes.count <= Self.maximumSize else {
                self = .tooLarge
                return
            }
        }
        self = .bytes(bytes)
    }
}
