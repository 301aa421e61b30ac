import Glibc

/// Everything takes longer under a sanitizer: `make sanitize` sets `SLUICE_SANITIZER`.
package enum Sanitizing {
    /// How many times as long a test may take that bounds its time.
    package static let slowdown = getenv("SLUICE_SANITIZER") == nil ? 1 : 20
}
