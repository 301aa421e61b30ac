import Sluice
import SluiceSQLite
import Synchronization

extension KafkaQueue {
    func unread(besides readers: Set<String>) async -> [UnreadGroup] {
        guard let remembered = try? await log.rememberedReaders() else { return [] }
        return await UnreadGroup.find(among: remembered, besides: readers, of: configuration, topics)
    }

    /// Finds the groups for which events wait and that no sink reads now.
    func refreshUnread() async {
        let found = await unread(besides: Set(routesOfReaders))
        state.withLock { $0.unread = found }
    }
}
