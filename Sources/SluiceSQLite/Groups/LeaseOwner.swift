import Glibc
import Sluice

/// Who holds leases: one open log in one process.
///
/// A lease expires by time. So that a restart after a crash need not wait for that, each owner also holds a lock on a
/// byte of its own in a file beside the log, which the kernel drops when the process ends: a lease whose owner holds
/// no lock is free at once. It is a separate file because closing any descriptor of the log itself would drop
/// SQLite's own locks. Where the file or the locks are not available, leases just expire.
final class LeaseOwner: Sendable {
    let id: [UInt8]
    private let descriptor: Int32

    init(path: String) {
        // The first eight bytes choose the lock, the rest says which process it is.
        let process = UInt32(bitPattern: getpid())
        let id =
            (0..<8).map { _ in UInt8.random(in: .min ... .max) } + Self.mark
            + (0..<4).reversed().map { UInt8(truncatingIfNeeded: process >> ($0 * 8)) }
        self.id = id
        descriptor = Self.lockFile(path, id)
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// Whether the other owner is known to be gone.
    func isGone(_ other: [UInt8]) -> Bool {
        guard descriptor >= 0, other.count == id.count, other != id else { return false }
        var lock = Self.lock(on: other)
        return fcntl(descriptor, Self.getLock, &lock) == 0 && lock.l_type == Int16(F_UNLCK)
    }

    /// What stands before a process's number; owners of the first release are random throughout.
    private static let mark = Array("pid ".utf8)

    /// The number of the process that made the owner; nil when it does not say.
    static func process(of id: [UInt8]) -> Int32? {
        guard id.count == 16, Array(id[8..<12]) == mark else { return nil }
        return Int32(bitPattern: id[12...].reduce(0) { $0 << 8 | UInt32($1) })
    }

    /// Looks at the locks of others without holding one.
    final class Locks {
        private let descriptor: Int32

        init(path: String) {
            descriptor = open(path, O_RDONLY | O_CLOEXEC)
        }

        deinit {
            if descriptor >= 0 { close(descriptor) }
        }

        /// Whether the owner is known to be gone.
        func isGone(_ owner: [UInt8]) -> Bool {
            guard descriptor >= 0, owner.count == 16 else { return false }
            var lock = LeaseOwner.lock(on: owner)
            return fcntl(descriptor, LeaseOwner.getLock, &lock) == 0 && lock.l_type == Int16(F_UNLCK)
        }
    }

    /// - Returns: -1 where there are no such locks.
    private static func lockFile(_ path: String, _ id: [UInt8]) -> Int32 {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return -1 }
        var lock = lock(on: id)
        if fcntl(descriptor, setLock, &lock) == 0 { return descriptor }
        close(descriptor)
        return -1
    }

    // F_OFD_GETLK and F_OFD_SETLK of <fcntl.h>, which the C module hides: locks that belong to the open file and
    // not to the process, so that two logs in one process exclude each other too.
    private static let getLock: Int32 = 36
    private static let setLock: Int32 = 37

    private static func lock(on id: [UInt8]) -> flock {
        var lock = flock()
        lock.l_type = Int16(F_WRLCK)
        lock.l_whence = Int16(SEEK_SET)
        lock.l_start = off_t(id.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) } & 0x3FFF_FFFF_FFFF_FFFF)
        lock.l_len = 1
        return lock
    }
}
