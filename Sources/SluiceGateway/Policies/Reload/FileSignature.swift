#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// What tells one state of some files from another.
struct FileSignature: Sendable, Equatable {
    private struct Entry: Sendable, Equatable {
        var device: UInt64 = 0
        var inode: UInt64 = 0
        var size: Int64 = -1
        var seconds: Int64 = 0
        var nanoseconds: Int64 = 0
    }

    private var entries: [String: Entry]

    /// - Parameter paths: of files and directories; links are followed.
    init(_ paths: Set<String>) {
        var entries: [String: Entry] = [:]
        for path in paths {
            var status = stat()
            guard stat(path, &status) == 0 else {
                entries[path] = Entry()
                continue
            }
            var entry = Entry(
                device: UInt64(truncatingIfNeeded: status.st_dev), inode: UInt64(truncatingIfNeeded: status.st_ino),
                size: Int64(status.st_size))
            #if canImport(Darwin)
                let time = status.st_mtimespec
            #else
                let time = status.st_mtim
            #endif
            (entry.seconds, entry.nanoseconds) = (Int64(time.tv_sec), Int64(time.tv_nsec))
            entries[path] = entry
        }
        self.entries = entries
    }

    /// With files besides, as they are now.
    func adding(_ paths: Set<String>) -> FileSignature {
        var signature = FileSignature(paths.subtracting(entries.keys))
        signature.entries.merge(entries) { _, known in known }
        return signature
    }

    /// Whether each file that differs is another one now, and none is the same one with other bytes: whoever writes a file
    /// and then gives it its name has ended writing.
    func isReplaced(in other: FileSignature) -> Bool {
        let differing = other.entries.filter { entries[$0.key] != $0.value }
        return !differing.isEmpty
            && differing.allSatisfy { path, entry in
                guard let before = entries[path], entry.size >= 0, before.size >= 0 else { return false }
                return (before.device, before.inode) != (entry.device, entry.inode)
            }
    }
}
