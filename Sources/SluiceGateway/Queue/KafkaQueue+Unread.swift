import Sluice
import SluiceKafka
import SluiceSQLite
import Synchronization

extension KafkaQueue {
    /// How many groups are asked about.
    private static let most = 10

    /// Finds the groups of sinks that were there before, that no sink reads now, and for which events wait: a sink was renamed or
    /// left out.
    func refreshUnread() async {
        var readers = Set(routesOfReaders)
        // What a sink's pushes were read by is its own, also where it reads by one group now.
        readers.formUnion(readers.map(ReaderPart.pushesGroup))
        guard let remembered = try? await log.rememberedReaders() else { return }
        var found: [UnreadGroup] = []
        for route in remembered.filter({ !readers.contains($0) && UnreadGroup.isSinks($0) }).prefix(Self.most) {
            guard let positions = try? await topics.positions(of: events, group: group(of: route)),
                positions.values.contains(where: { $0.committed != nil })
            else { continue }
            let waiting = positions.values.reduce(Int64(0)) { sum, position in
                sum.addingSaturated(position.unsettled)
            }
            if waiting > 0 { found.append(UnreadGroup(name: route, waiting: waiting)) }
        }
        state.withLock { [found] in $0.unread = found }
    }
}

extension KafkaGroupPosition {
    /// How many records the group has yet to settle; offsets come from outside.
    fileprivate var unsettled: Int64 {
        Int64(clamping: max(0, Int128(end) - Int128(max(first, committed ?? first))))
    }
}

/// A sink's group that no sink reads.
struct UnreadGroup: Sendable, Equatable {
    let name: String
    let waiting: Int64

    /// Whether it has the name of a sink's.
    static func isSinks(_ name: String) -> Bool { name.hasPrefix("log-to-") && name != DeploymentsRoute.name }

    /// What to do about one of a sink's.
    /// - Parameter others: the names of the other groups.
    static func remedy(_ name: String, among others: [String] = []) -> String {
        // The pushes of a sink that reads them apart: where the sink's own group is read, they are too.
        let own = ReaderPart.sinksGroup(ofPushes: name).flatMap { others.contains($0) ? $0 : nil }
        return "write `group: \(own ?? name)` at the sink that shall have them"
    }

    var note: String {
        "group \(name): no sink reads it, and \(waiting) messages wait: \(Self.remedy(name)), or `sluice groups remove` forgets it"
    }
}
