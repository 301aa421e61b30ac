import CRDKafka
import Sluice
import Synchronization

/// The calls of transactions, all of which block.
extension ProducerClient {
    func beginTransaction(_ deadline: MonotonicTime) throws(KafkaError) {
        if !isTransactional.load(ordering: .acquiring) {
            try attempt(deadline) { rd_kafka_init_transactions(native.handle, $0) }
            isTransactional.store(true, ordering: .releasing)
        }
        try attempt(deadline) { _ in rd_kafka_begin_transaction(native.handle) }
    }

    func commitTransaction(
        _ commits: [KafkaTransaction.Commit], _ deadline: MonotonicTime
    ) throws(KafkaError) {
        for commit in commits {
            let list = PartitionList(capacity: commit.positions.count)
            for position in commit.positions {
                list.append(position.topic.name, position.partition, offset: position.next)
            }
            try attempt(deadline) {
                rd_kafka_send_offsets_to_transaction(native.handle, list.handle, commit.group.handle, $0)
            }
        }
        try attempt(deadline) { rd_kafka_commit_transaction(native.handle, $0) }
    }

    func abortTransaction(_ deadline: MonotonicTime) throws(KafkaError) {
        try attempt(deadline) { rd_kafka_abort_transaction(native.handle, $0) }
    }

    /// Makes the call until it succeeds, fails for good, or the time is over.
    private func attempt(
        _ deadline: MonotonicTime, _ call: (_ milliseconds: Int32) -> OpaquePointer?
    ) throws(KafkaError) {
        let pause = ThreadSignal()
        while true {
            let rest = Int32(clamping: deadline.nanoseconds(since: .now()) / 1_000_000)
            guard let error = KafkaError(consuming: call(max(1, rest)), redacting: native.monitor.secrets) else {
                native.monitor.brokerAnswered()
                return
            }
            guard error.isRetriable, rest > 0 else { throw error }
            // Most calls have waited themselves; those that return at once are not made in a hot loop.
            pause.wait(until: MonotonicTime.now().advanced(by: .milliseconds(20)))
        }
    }
}
