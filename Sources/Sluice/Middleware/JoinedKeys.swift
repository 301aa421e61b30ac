/// The keys of messages that are handled as one, at their ``DeduplicationStore``.
struct JoinedKeys: Sendable {
    struct Found {
        /// Reserved, in order.
        var fresh: [[UInt8]] = []
        /// Handled before.
        var handled: [Delivery] = []
        /// How many have the key of another one among them.
        var repeated = 0
    }

    private let store: any DeduplicationStore
    private let key: KeySelector
    private let scope: String

    init(_ store: any DeduplicationStore, _ key: KeySelector, scope: String) {
        self.store = store
        self.key = key
        self.scope = scope
    }

    /// - Throws: what the store throws, and ``InProgressError`` where another route is at one of them; nothing is reserved then.
    func reserve(of run: DeliveryRun, _ live: Live<Deduplicator>) async throws -> Found {
        var found = Found()
        var known: Set<[UInt8]> = []
        do {
            for delivery in run.deliveries {
                // One without a key cannot be recognised.
                guard let key = key(delivery.message) else { continue }
                guard known.insert(key).inserted else {
                    found.repeated += 1
                    run.noteRepeated(delivery)
                    continue
                }
                switch try await store.reserve(key, scope: scope) {
                case .fresh: found.fresh.append(key)
                case .duplicate: found.handled.append(delivery)
                case .inProgress: throw InProgressError(live: live)
                }
            }
            return found
        } catch {
            await release(found.fresh)
            throw error
        }
    }

    func release(_ keys: [[UInt8]]) async {
        for key in keys { await store.release(key, scope: scope) }
    }
}
