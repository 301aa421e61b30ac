import Glibc

/// How long the long runs are: whole with `make soak`, which sets `SLUICE_SOAK`, and a hundredth with `make test`.
package enum Soak {
    package static let isWhole = getenv("SLUICE_SOAK").map { String(cString: $0) == "1" } ?? false

    /// - Parameter whole: how many in a whole run.
    /// - Returns: so many, or a hundredth; at least 1.
    package static func count(_ whole: Int) -> Int { isWhole ? whole : max(1, whole / 100) }
}
