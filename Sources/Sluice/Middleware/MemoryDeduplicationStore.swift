import DequeModule
import Synchronization

/// Remembers keys in memory, within a window and up to a number; a restart forgets them.
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

    private let window: Duration
    private let capacity: Int
    private let clock: RouterTime
    private let state = Mutex(State())

    /// How long it remembers, and how much.
    public struct Configuration: Sendable {
        /// How long a key is remembered. More than 0; default 1 hour.
        public var window: Duration
        /// How many are remembered at most; the oldest go first. At least 1; default 1,000,000.
        public var capacity: Int

        public init(window: Duration = .seconds(3_600), capacity: Int = 1_000_000) {
            self.window = window
            self.capacity = capacity
        }

        func validate() throws(ConfigurationError) {
            try ConfigurationCheck.all(of: "MemoryDeduplicationStore") { check in
                check("window", window, above: .zero)
                check("capacity", capacity, in: 1...)
            }
        }
    }

    /// A store with the defaults of ``Configuration``.
    /// - Parameter time: what the window goes by: that of the router. Default: the machine's.
    public init(time: RouterTime = .real) {
        clock = time
        (window, capacity) = (Configuration().window, Configuration().capacity)
    }

    /// - Parameter time: as of ``init(time:)``.
    /// - Throws: ``ConfigurationError`` for a value out of its range.
    public init(_ configuration: Configuration, time: RouterTime = .real) throws(ConfigurationError) {
        try configuration.validate()
        clock = time
        (window, capacity) = (configuration.window, configuration.capacity)
    }

    public var time: RouterTime? { clock }

    public func reserve(_ key: [UInt8], scope: String) async throws -> Reservation {
        reserve(Entry(scope: scope, key: key), at: clock.now)
    }

    public func commit(_ key: [UInt8], scope: String) async throws {
        commit(Entry(scope: scope, key: key), at: clock.now)
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

    func commit(_ entry: Entry, at now: MonotonicTime) {
        let expiry = now.advanced(by: window)
        state.withLock { state in
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
