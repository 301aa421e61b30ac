import Logging
import Sluice
import SluiceKafka

/// The groups of Kafka's with which this gateway, and the others of its group, read: listed, moved and removed.
struct KafkaGroups: Sendable {
    let moves: GroupMoves
    private let queue: KafkaQueue
    private let steering: Steering
    private let router: Router
    private let logger: Logger

    init(_ queue: KafkaQueue, _ steering: Steering, _ router: Router, keptBy store: KafkaSteering, logger: Logger) {
        self.queue = queue
        self.steering = steering
        self.router = router
        self.logger = logger
        let moves = GroupMoves(router, keptBy: { try await store.set($0) }, logger: logger)
        self.moves = moves
        store.onMoves { moves.note($0) }
    }

    /// What is known of each route's group.
    func rows() async throws -> [GroupRow] {
        var rows: [GroupRow] = []
        for route in queue.routesWithGroups {
            let (group, topic) = (queue.group(of: route), queue.topic(of: route))
            // The topic of facts may be missing or forbidden, and the other groups are worth showing.
            guard topic == queue.events || queue.keeper.absence(of: topic) == nil else { continue }
            let positions = try await queue.topics.positions(of: topic, group: group)
            var row = GroupRow(topic: topic, group: group, positions)
            row.reader = await reader(of: group)
            row.isPaused = router.isPaused(route)
            rows.append(row)
        }
        return rows
    }

    /// - Returns: how many members it has, in words; nil where it has none.
    private func reader(of group: String) async -> String? {
        // The positions are worth showing without them.
        guard let members = try? await queue.topics.members(of: group) else { return "unknown" }
        return members == 0 ? nil : members == 1 ? "1 member" : "\(members) members"
    }

    /// - Returns: what was done, in words; nil for a group that is none of Kafka's.
    func seek(_ arguments: [String: String]) async throws -> String? {
        guard let route = try route(arguments) else { return nil }
        let start = try Self.start(try ControlCommands.argument("to", arguments))
        var texts: [String] = []
        for route in together(route) {
            let waiting = try await move(route, to: start)
            texts.append("group \(queue.group(of: route)) of topic \(queue.topic(of: route)) goes on: \(waiting)")
        }
        return texts.joined(separator: "\n")
    }

    /// A group that a route reads is as if it had never been: it begins where its route is configured to begin.
    /// - Returns: what was done, in words; nil for a group that is none of Kafka's.
    func remove(_ arguments: [String: String]) async throws -> String? {
        if let route = try route(arguments), let start = queue.start(of: route) {
            var texts: [String] = []
            for route in together(route) {
                let waiting = try await move(route, to: start.position)
                texts.append(
                    "group \(queue.group(of: route)) of topic \(queue.topic(of: route)) is removed; its route goes on as a new one: "
                        + waiting)
            }
            return texts.joined(separator: "\n")
        }
        let named = try ControlCommands.argument("group", arguments)
        guard isQueue(arguments) else { return nil }
        // By Kafka's name, or by the one that a file has for it. Groups of other programs are none of ours to delete.
        for group in [named, queue.group(of: named)] where group.hasPrefix(queue.group(of: "")) {
            guard try await delete(group) else { continue }
            logger.notice("a group was removed", metadata: ["group": "\(group)", "topic": "\(queue.events)"])
            return "group \(group) is removed"
        }
        return nil
    }

    /// The groups that the route's sink reads the same topic with.
    private func together(_ route: String) -> [String] {
        steering.groups(with: route).filter { queue.topic(of: $0) == queue.topic(of: route) }
    }

    /// - Returns: false where there is no such group.
    private func delete(_ group: String) async throws -> Bool {
        do {
            return try await queue.topics.delete(group: group)
        } catch let error as KafkaError where error.saysThatTheGroupHasMembers {
            throw ControlFailure(
                .failed, "group \(group) is read, and not by a route of this gateway; it is not removed")
        }
    }

    private static func start(_ text: String) throws(ControlFailure) -> StartPosition {
        if text == "beginning" { return .beginning }
        if text == "end" { return .end }
        if let time = RFC3339.parse(text) { return .time(time) }
        throw ControlFailure(
            .invalid,
            "to: expected beginning, end, or an RFC 3339 time: each partition of Kafka's has offsets of its own")
    }

    private func move(_ route: String, to start: StartPosition) async throws -> String {
        let (queue, group, topic) = (queue, queue.group(of: route), queue.topic(of: route))
        try await moves.move(route) {
            try await queue.topics.seek(group, of: topic, to: start)
            try await queue.forgetParts(of: route)
        }
        logger.notice("a group was moved", metadata: ["group": "\(group)", "topic": "\(topic)"])
        do {
            let backlog = try await queue.topics.backlog(of: topic, group: group)
            let waiting = backlog.values.reduce(Int64(0)) { $0.addingSaturated($1) }
            return "\(waiting) messages wait"
        } catch {
            return "messages may wait"
        }
    }

    /// The route that reads the group, by its own name or the group's.
    private func route(_ arguments: [String: String]) throws -> String? {
        let name = try ControlCommands.argument("group", arguments)
        return queue.routesWithGroups.first { route in
            (route == name || queue.group(of: route) == name)
                && arguments["topic"].map { $0 == queue.topic(of: route).name } ?? true
        }
    }

    private func isQueue(_ arguments: [String: String]) -> Bool {
        arguments["topic"].map { $0 == queue.events.name } ?? true
    }
}

extension GroupRow {
    init(topic: Topic, group: String, _ positions: [Int32: KafkaGroupPosition]) {
        self.init()
        self.topic = topic.name
        self.group = group
        partitions = positions.sorted { $0.key < $1.key }.map { partition, position in
            Partition(
                partition: Int64(partition), position: position.committed, first: position.first, end: position.end)
        }
        backlog = partitions.reduce(0) { $0.addingSaturated($1.waiting) }
    }
}
