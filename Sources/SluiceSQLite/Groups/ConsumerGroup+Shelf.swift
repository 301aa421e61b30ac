import Sluice
import Synchronization

/// What subscriptions have their group put aside, and want back.
extension ConsumerGroup {
    func shelve(_ offset: Int64, key: [UInt8], generation: UInt64, feed: UInt32) {
        let (announce, wake) = state.withLock { state -> (Bool, Bool) in
            guard Self.isLedSince(generation, state) else { return (false, false) }
            let announce = takeBack(&state)
            // Otherwise it is read again.
            guard state.generation & Self.generationMask == generation else { return (announce, false) }
            state.ledger?.shelve(offset, key, feed: feed)
            defer { state.wakeReaderAt = nil }
            return (Self.noteChange(&state) || announce, state.wakeReaderAt != nil)
        }
        if announce { writer.announce(self) }
        if wake { readerSignal.raise() }
    }

    /// - Returns: whether the writer has to be told.
    static func noteChange(_ state: inout State) -> Bool {
        defer { state.isAnnounced = true }
        return !state.isAnnounced
    }

    /// A subscription wants more of a key.
    func request(_ key: [UInt8], feed: UInt32) {
        state.withLock { state in
            // One that was let go of is not answered.
            guard state.feeds.contains(where: { $0.id == feed }) else { return }
            state.ledger?.shelf.request(key, for: feed)
        }
        readerSignal.raise()
    }

    /// It was decided how a subscription is read. Where it is the only one, it gets what was put aside before it came.
    func noteReading() {
        state.withLock { state in
            if state.feeds.count(where: { !$0.subscription.isEnded }) == 1 { state.ledger?.shelf.requestAll() }
        }
        readerSignal.raise()
    }

    /// Rows were written.
    func confirmShelf(_ receipt: ShelfTable.Receipt) {
        state.withLock { state in
            guard state.leadingSince == receipt.leadingSince else { return }
            state.ledger?.shelf.confirm(inserted: receipt.inserted, deleted: receipt.deleted)
        }
    }
}
