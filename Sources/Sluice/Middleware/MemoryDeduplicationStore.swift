import DequeModule
import Synchronization

/// Remembers keys in memory, up to a number; a restart forgets them.
///
/// ```swift
/// let handled = try MemoryDeduplicationStore(.init(capacity: 100_000))
/// let router = Router(middlewares: [Deduplicator(handled), Retry()])
/// ```
public final class MemoryDeduplicationStore: DeduplicationStore {
    struct Entry: Hashable {
        let scope: String
        let key: [UInt8]
    }

    private struct State {
        /// The time at which a handled key is forgotten; nil while it is reserved.
        var known: [Entry: MonotonicTime?] = [:]
        var expiries = Deque<(Entry, MonotonicTime)>()
    }

    private let capacity: Int
    private let clock: RouterTime
    private let state = Mutex(State())

    /// How much it remembers.
    public struct Configuration: Sendable {
        /// How many are remembered at most; the oldest go first. At least 1; default 1,000,000.
        public var capacity: Int

        public init(capacity: Int = 1_000_000) {
            self.capacity = capacity
        }

        func validate() throws(ConfigurationError) {
            try ConfigurationCheck.all(of: "MemoryDeduplicationStore") { $0("capacity", capacity, in: 1...) }
        }
    }

    /// A store with the defaults of ``Configuration``.
    /// - Parameter time: what windows go by: that of the router. Default: the machine's.
    public init(time: RouterTime = .real) {
        clock = time
        capacity = Configuration().capacity
    }

    /// - Parameters:
    ///   - configuration: how many keys it remembers.
    ///   - time: as of ``init(time:)``.
    /// - Throws: ``ConfigurationError`` for a value out of its range.
    public init(_ configuration: Configuration, time: RouterTime = .real) throws(ConfigurationError) {
        try configuration.validate()
        clock = time
        capacity = configuration.capacity
    }

    public var time: RouterTime? { clock }

    public func reserve(_ key: [UInt8], scope: String) async throws -> Reservation {
        reserve(Entry(scope: scope, key: key), at: clock.now)
    }

    public func commit(_ key: [UInt8], scope: String, for window: Duration) async throws {
        commit(Entry(scope: scope, key: key), for: window, at: clock.now)
    }

    public func release(_ key: [UInt8], scope: String) async {
        state.withLock { state in
            let entry = Entry(scope: scope, key: key)
            if case .some(.none) = state.known[entry] { state.known[entry] = nil }
        }
    }

    func reserve(_ entry: Entry, at now: MonotonicTime) -> Reservation {
        state.withLock { state in
            switch state.known[entry] {
            case .some(.none): return .inProgress
            case .some(.some(let expiry)) where expiry > now: return .duplicate
            case .some(.some), nil:
                state.known[entry] = .some(nil)
                return .fresh
            }
        }
    }

    func commit(_ entry: Entry, for window: Duration, at now: MonotonicTime) {
        state.withLock { state in
            let expiry = now.advanced(by: window)
            state.known[entry] = .some(expiry)
            state.expiries.append((entry, expiry))
            while let (oldest, due) = state.expiries.first, due <= now || state.expiries.count > capacity {
                state.expiries.removeFirst()
                // Handled again meanwhile, it has a later expiry of its own.
                if case .some(.some(due)) = state.known[oldest] { state.known[oldest] = nil }
            }
        }
    }
}
