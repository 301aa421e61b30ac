import Sluice

/// Looks at files and tells when they have changed. Belongs to a thread of its own, which sleeps while nothing happens.
///
/// A file that was replaced, by a rename or a link that points elsewhere now, is told of at once. One that is written in place is
/// told of when it has been unchanged for a while.
final class WatchLoop {
    /// How long a file that is written in place has to be unchanged.
    private static let quiet: Duration = .milliseconds(500)
    /// How often it looks without being told to: not every file system tells of changes.
    private static let interval: Duration = .seconds(5)

    private let inbox: Inbox<ConfigurationFile.Origin>
    private let signal: PollSignal
    private let tell: () -> Void
    private let notices = DirectoryNotices()
    private var files: Set<String> = []
    /// As they were read last, or told of.
    private var known = FileSignature([])
    /// As they were when they were looked at last, and since when, while they differ from those.
    private var changed: (signature: FileSignature, since: MonotonicTime)?

    /// - Parameter inbox: what to watch from now on, as it was when it was read.
    init(_ inbox: Inbox<ConfigurationFile.Origin>, _ signal: PollSignal, tell: @escaping () -> Void) {
        self.inbox = inbox
        self.signal = signal
        self.tell = tell
    }

    func run() {
        while !inbox.hasEnded {
            if let origin = inbox.takeAll().last { (files, known, changed) = (origin.files, origin.signature, nil) }
            // Again each time: a directory may have been made anew.
            notices.watch(files)
            let deadline = look()
            _ = signal.wait(for: notices.descriptor, writing: false, until: deadline)
            notices.drain()
        }
    }

    /// - Returns: when to look again.
    private func look() -> MonotonicTime {
        let now = MonotonicTime.now()
        let current = FileSignature(files)
        guard current != known else {
            changed = nil
            return now.advanced(by: Self.interval)
        }
        if changed?.signature != current { changed = (current, now) }
        let due = (changed?.since ?? now).advanced(by: Self.quiet)
        guard known.isReplaced(in: current) || due <= now else { return due }
        known = current
        changed = nil
        tell()
        return now.advanced(by: Self.interval)
    }
}
