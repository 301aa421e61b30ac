import Glibc

/// Tells when something has changed in the directories that lead to some files (inotify).
///
/// Directories are watched and not files: a file that is replaced is another one. So is each directory that holds a link on the
/// way, since a link may be pointed elsewhere, as Kubernetes does with what it mounts.
final class DirectoryNotices {
    /// Where it can be read; -1 where the system has no such thing.
    let descriptor: Int32
    private var watched: [String: Int32] = [:]

    init() {
        descriptor = inotify_init1(Int32(truncatingIfNeeded: IN_NONBLOCK) | Int32(truncatingIfNeeded: IN_CLOEXEC))
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// These files from now on.
    func watch(_ paths: Set<String>) {
        guard descriptor >= 0 else { return }
        let directories = paths.reduce(into: Set<String>()) { $0.formUnion(PathSteps.directories(to: $1)) }
        for (directory, watch) in watched where !directories.contains(directory) {
            inotify_rm_watch(descriptor, watch)
            watched[directory] = nil
        }
        let events = [IN_CLOSE_WRITE, IN_MODIFY, IN_MOVED_TO, IN_MOVED_FROM, IN_CREATE, IN_DELETE, IN_ATTRIB]
            .reduce(UInt32(0)) { $0 | UInt32(truncatingIfNeeded: $1) }
        for directory in directories {
            // One that was deleted and made again is another one.
            let watch = inotify_add_watch(descriptor, directory, events)
            watched[directory] = watch >= 0 ? watch : nil
        }
    }

    /// Forgets what it has told so far.
    func drain() {
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while read(descriptor, &buffer, buffer.count) > 0 {}
    }
}
