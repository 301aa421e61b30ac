import Glibc

/// The system's limit on open descriptors, of which every connection takes one (getrlimit(2)).
package enum OpenFiles {
    /// Raises the soft limit, which is kept low for programs that use `select`, to the hard one.
    /// - Returns: the limit that now holds, or nil when the system does not say.
    package static func raiseLimit() -> Int? {
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return nil }
        if limit.rlim_cur < limit.rlim_max {
            var raised = limit
            raised.rlim_cur = limit.rlim_max
            if setrlimit(resource, &raised) == 0 { limit = raised }
        }
        return Int(clamping: limit.rlim_cur)
    }

    static func text(ofErrno code: CInt) -> String {
        String(cString: strerror(code))
    }

    private static let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
}
