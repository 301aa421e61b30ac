import Glibc

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

    /// - Parameter paths: of files and directories; links are followed. A directory stands for the files in it that belong to a
    ///   configuration: other files come and go there, such as those of editors.
    init(_ paths: Set<String>) {
        entries = [:]
        for path in paths {
            let (entry, isDirectory) = Self.entry(path)
            guard isDirectory else {
                entries[path] = entry
                continue
            }
            for file in ConfigurationFile.files(in: path) { entries[file] = Self.entry(file).entry }
        }
    }

    private static func entry(_ path: String) -> (entry: Entry, isDirectory: Bool) {
        var status = stat()
        guard stat(path, &status) == 0 else { return (Entry(), false) }
        let time = status.st_mtim
        let entry = Entry(
            device: UInt64(truncatingIfNeeded: status.st_dev), inode: UInt64(truncatingIfNeeded: status.st_ino),
            size: Int64(status.st_size), seconds: Int64(time.tv_sec), nanoseconds: Int64(time.tv_nsec))
        return (entry, status.st_mode & S_IFMT == S_IFDIR)
    }

    /// With files besides, as they are now.
    func adding(_ paths: Set<String>) -> FileSignature {
        var signature = FileSignature(paths.subtracting(entries.keys))
        signature.entries.merge(entries) { _, known in known }
        return signature
    }

    /// Whether each file that differs is another one now, and none is the same one with other bytes: a program that writes a
    /// file and then gives it its name has ended writing.
    func isReplaced(in other: FileSignature) -> Bool {
        let differing = other.entries.filter { entries[$0.key] != $0.value }
        return !differing.isEmpty && entries.count == other.entries.count
            && differing.allSatisfy { path, entry in
                guard let before = entries[path], entry.size >= 0, before.size >= 0 else { return false }
                return (before.device, before.inode) != (entry.device, entry.inode)
            }
    }
}
