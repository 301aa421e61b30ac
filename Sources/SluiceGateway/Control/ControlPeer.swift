import Glibc

/// Who is at the other end of the control socket, as the kernel says it.
enum ControlPeer {
    /// The user who connected; nil where the kernel does not say.
    static func user(of descriptor: Int32) -> uid_t? {
        // `struct ucred` of <sys/socket.h>, which the C module hides: process, user, group.
        var credentials: (pid_t, uid_t, gid_t) = (0, uid_t.max, gid_t.max)
        var size = socklen_t(MemoryLayout.size(ofValue: credentials))
        guard getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0,
            size == MemoryLayout.size(ofValue: credentials), credentials.1 != uid_t.max
        else { return nil }
        return credentials.1
    }

    /// The gateway's own user, and root, may command it.
    static func mayCommand(_ user: uid_t?, as own: uid_t = geteuid()) -> Bool {
        user == 0 || (user != nil && user == own)
    }
}
