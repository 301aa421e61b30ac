/// How many attempts at a destination are made at once, by all routes. Further ones wait in line.
///
/// ```swift
/// let chat = try Destination("chat", .init(concurrency: .fixed(2)))
/// let search = try Destination("search", .init(concurrency: .adaptive(upTo: 100)))
/// ```
///
/// An adaptive limit finds out how many a destination can work on: up to there more at once bring more done, beyond they
/// only take longer. It compares how long attempts take with how long they take while few are under way (TCP Vegas;
/// Netflix' concurrency-limits), goes down when attempts fail or are asked to slow down, and grows only while it is used.
public struct Concurrency: Sendable, Equatable {
    /// Where the limit comes from.
    public enum Mode: String, Sendable, CaseIterable {
        /// Always ``Concurrency/limit``.
        case fixed
        /// From ``Concurrency/limit``, at least 1 and at most ``Concurrency/maximum``.
        case adaptive
    }

    public var mode: Mode
    /// Attempts at once; of an adaptive one, how many to begin with. At least 1.
    public var limit: Int
    /// How far an adaptive limit grows. At least ``limit``; default 200. Counts for nothing where it is fixed.
    public var maximum: Int

    /// - Parameter limit: at least 1.
    public static func fixed(_ limit: Int) -> Concurrency {
        Concurrency(mode: .fixed, limit: limit, maximum: max(limit, 1))
    }

    /// - Parameters:
    ///   - initial: how many to begin with. At least 1; default 4.
    ///   - maximum: at least `initial`; default 200.
    public static func adaptive(from initial: Int = 4, upTo maximum: Int = 200) -> Concurrency {
        Concurrency(mode: .adaptive, limit: initial, maximum: maximum)
    }

    public init(mode: Mode, limit: Int, maximum: Int = 200) {
        self.mode = mode
        self.limit = limit
        self.maximum = maximum
    }

    func validate(_ field: String) throws(ConfigurationError) {
        try ConfigurationCheck.all(of: field) { check in
            check("limit", limit, in: 1...)
            check("maximum", mode == .fixed || maximum >= limit, expected: "at least `limit`", value: "\(maximum)")
        }
    }
}
