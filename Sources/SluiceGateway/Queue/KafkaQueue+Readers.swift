import Sluice
import SluiceKafka
import SluiceSQLite
import Synchronization

extension KafkaQueue {
    /// Commits where each reader begins that was not there before, before the first of them reads. Which were is
    /// remembered in the data directory, so that one whose offsets Kafka has dropped is told apart from a new one.
    func introduceReaders(_ readers: [(route: String, start: ReaderStart)]) async throws {
        let known = try await log.knownReaders(among: readers.map(\.route))
        var introductions = state.withLock(\.introductions)
        for (route, start) in readers {
            let positions = try await topics.positions(of: events, group: group(of: route))
            if positions.values.contains(where: { $0.committed != nil }) { continue }
            if known.contains(route) {
                // At once: what is moved over before it has settled anything must not count as found.
                _ = try await begin(route, .beginning)
                introductions.isLost(route, waiting: positions.total(\.waiting), logger)
            } else if let begun = try await begin(route, start) {
                introductions.isNew(route, skipping: begun, logger)
            }
        }
        try await log.remember(readers: readers.map(\.route))
        state.withLock { [introductions] in $0.introductions = introductions }
    }

    /// - Returns: how many events lie before the beginning; nil when another gateway was faster.
    private func begin(_ route: String, _ start: ReaderStart) async throws -> Int64? {
        let group = group(of: route)
        do {
            try await topics.seek(group, of: events, to: start.position)
        } catch let error as KafkaError where error.saysThatTheGroupHasMembers {
            // A member of the group reads already, and has decided.
            return nil
        }
        let positions = try await topics.positions(of: events, group: group)
        return positions.total(\.skipped)
    }
}

extension KafkaGroupPosition {
    /// How many records the group has yet to settle. Offsets come from outside: their difference may not fit.
    fileprivate var waiting: Int128 { max(0, Int128(end) - Int128(max(first, committed ?? first))) }
    /// How many records lie before its position.
    fileprivate var skipped: Int128 { max(0, Int128(committed ?? first) - Int128(first)) }
}

extension [Int32: KafkaGroupPosition] {
    fileprivate func total(_ count: (KafkaGroupPosition) -> Int128) -> Int64 {
        Int64(clamping: values.reduce(0) { $0 + count($1) })
    }
}
