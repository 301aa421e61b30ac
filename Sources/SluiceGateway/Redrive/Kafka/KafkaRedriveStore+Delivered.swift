import Logging
import Sluice
import SluiceKafka
import SluiceSQLite
import Synchronization

/// Which events the sinks of all gateways have delivered.
extension KafkaRedriveStore {
    /// How often this gateway writes what it has delivered, and how often what says nothing any more is taken away.
    private static let (interval, cleaning) = (Duration.seconds(5), Duration.seconds(300))
    /// How many records are taken away at once.
    private static let mostForgotten = 1_000

    func isDelivered(_ place: RedrivePlace, by route: String) -> Bool {
        delivered.contains(place, by: route) || state.withLock { $0.kept.delivered.contains(place, by: route) }
    }

    func delivered(
        among events: [LoggedMessage], in partition: Int32, by route: String
    ) async throws -> [Bool] {
        let known = try await log.delivered(among: events, by: route)
        return zip(events, known).map { logged, isHandled in
            isHandled || isDelivered(RedrivePlace(partition: partition, offset: logged.offset), by: route)
        }
    }

    /// Writes what was delivered, where it is time for that.
    func keepDelivered() async {
        let now = MonotonicTime.now()
        let (isDue, isCleaning) = state.withLock { state in
            guard state.through != nil, state.deliveredAt.duration(to: now) >= Self.interval else {
                return (false, false)
            }
            state.deliveredAt = now
            guard state.cleanedAt.duration(to: now) >= Self.cleaning else { return (true, false) }
            state.cleanedAt = now
            return (true, true)
        }
        guard isDue, absence == nil else { return }
        await writeDelivered(isLast: false)
        if isCleaning { await forgetDelivered() }
    }

    /// - Parameter isLast: whether the gateway ends, and does not read back what it writes.
    func writeDelivered(isLast: Bool) async {
        let blocks = delivered.takeOut()
        guard !blocks.isEmpty else { return }
        // A record replaces the one that this gateway has written of the block before.
        let records = state.withLock { state in
            blocks.map { id, block -> KafkaRedriveRecord in
                .delivered(id, state.kept.delivered[id].map(block.union) ?? block, writer: gateway)
            }
        }
        do {
            try await publish(records)
            if !isLast { try await catchUp() }
            delivered.noteWritten()
        } catch {
            delivered.noteFailure()
            logger.debug("what was delivered is not told to other gateways", metadata: ["error": "\(error)"])
        }
    }

    private func forgetDelivered() async {
        do {
            // What is known now is of events that were there before the bounds are read.
            let known = state.withLock(\.kept.delivered)
            let keys = known.keysToForget(outside: try await reader.bounds(of: events))
            guard !keys.isEmpty else { return }
            try await takeAway(Array(keys.prefix(Self.mostForgotten)))
        } catch {
            logger.debug("old records of deliveries stay", metadata: ["error": "\(error)"])
        }
    }
}
