import CRDKafka
internal import Logging
internal import Sluice
import Synchronization

/// How a session ends: what is in hand is settled, what was settled is committed, the client leaves the group. Nothing
/// of it waits for ever.
extension ConsumerLoop {
    /// How long an unreachable cluster may hold up the end of a session.
    private static let patience = Duration.seconds(5)

    func obey(_ now: MonotonicTime) {
        let request = control.request
        if !mayHaveJoined { mayHaveJoined = monitor.connectionState.isConnected }
        if request == .crash { return end(leaving: false) }
        switch phase {
        case .running:
            if request == .close {
                commitFinally(now)
            } else if subscription.isEnded {
                load.setDraining(true)
                phase = .finishing(until: now.advanced(by: options.drainTimeout))
                obey(now)
            }
        case .finishing(let until):
            if request == .close || now >= until || inHand(readers) == 0 { commitFinally(now) }
        case .committing(let until):
            if now < until {
                if commit.isUnderWay || (control.isJoining && hasNews) { return }
                // What was settled while another commit was under way.
                if !commit.hasFailed, sendCommit(now) { return }
                if isHalfJoined { return }
            }
            leave(now)
        case .leaving(let until):
            guard let client else { return end(leaving: false) }
            let isClosed = rd_kafka_consumer_closed(client.handle) != 0
            if isClosed || now >= until { end(leaving: isClosed) }
        case .ended: break
        }
    }

    private func commitFinally(_ now: MonotonicTime) {
        guard client != nil else { return end(leaving: false) }
        for reader in readers { reader.feed.revoke() }
        phase = .committing(until: now.advanced(by: Self.patience))
        commit.hasFailed = false
        obey(now)
    }

    private var hasNews: Bool { readers.contains { $0.feed.ledger.withLock(\.hasNews) } }

    private func leave(_ now: MonotonicTime) {
        guard let client, let events else { return end(leaving: false) }
        abandonAll()
        control.membership = nil
        phase = .leaving(until: now.advanced(by: Self.patience))
        finishRebalance()
        if let error = KafkaError(
            consuming: rd_kafka_consumer_close_queue(client.handle, events), redacting: monitor.secrets)
        {
            logger.debug("leaving failed", metadata: ["error": "\(error)"])
            end(leaving: false)
        }
    }

    private func end(leaving: Bool) {
        shut(leaving: leaving)
        phase = .ended
    }
}
