import Foundation

/// Answers the requests of a cluster's consumer groups. A request that has to wait for other members blocks its
/// connection, as it does in Kafka.
///
/// The groups are read and changed under the condition's lock alone: hence `@unchecked`.
final class GroupCoordinator: @unchecked Sendable {
    private let condition = NSCondition()
    private var groups: [String: ConsumerGroup] = [:]
    /// How often each group was deleted.
    private var lives: [String: Int] = [:]
    private var refused: [String: [Int16: Int]] = [:]

    private static var now: Double { ProcessInfo.processInfo.systemUptime }
    /// How often a request that waits looks whether members have gone.
    private static let pace = 0.02

    func read<Value>(_ group: String, _ body: (ConsumerGroup) -> Value) -> Value {
        condition.withLock { body(groups[group] ?? ConsumerGroup()) }
    }

    func hold(_ group: String, _ value: Bool) {
        condition.withLock {
            groups[group, default: ConsumerGroup()].isHeld = value
            condition.broadcast()
        }
    }

    func refusedCommits(of group: String) -> [Int16: Int] { condition.withLock { refused[group] ?? [:] } }

    /// - Parameter forward: asks the broker behind.
    /// - Returns: what follows the correlation id; nil ends the connection.
    func answer(to request: [UInt8], forward: ([UInt8]) -> [UInt8]?) -> [UInt8]? {
        var reader = KafkaWireReader(request)
        let (kind, version) = (reader.int16(), reader.int16())
        _ = reader.int32()
        _ = reader.string()
        var writer = KafkaWireWriter()
        switch kind {
        case 8:
            guard let failure = refusal(ofCommit: reader, version) else { return forward(renaming(request, reader)) }
            Self.refuse(&reader, version, failure, &writer)
        case 9: return forward(renaming(request, reader))
        case 11:
            if version >= 2 { writer.int32(0) }
            join(&reader, version, &writer)
        case 12, 13:
            if version >= 1 { writer.int32(0) }
            writer.int16(kind == 12 ? heartbeat(&reader) : leave(&reader))
        case 14:
            if version >= 1 { writer.int32(0) }
            sync(&reader, version, &writer)
        case 15: describe(&reader, &writer)
        case 16: list(&writer)
        case 18: return forward(request).map { Self.adding(to: $0) }
        case 42:
            writer.int32(0)
            delete(&reader, &writer)
        default: return forward(request)
        }
        return writer.bytes
    }

    // MARK: Requests (<https://kafka.apache.org/protocol#protocol_messages>)

    private func join(_ reader: inout KafkaWireReader, _ version: Int16, _ writer: inout KafkaWireWriter) {
        let group = reader.string()
        let session = Double(reader.int32()) / 1_000
        let rebalance = version >= 1 ? Double(reader.int32()) / 1_000 : session
        var id = reader.string()
        let instance = version >= 5 ? reader.string() : ""
        _ = reader.string()
        let protocols = (0..<max(0, reader.int32())).map { _ in (name: reader.string(), metadata: reader.data()) }
        let member = ConsumerGroup.Membership(
            protocols: protocols, sessionTimeout: session, rebalanceTimeout: rebalance,
            instance: instance.isEmpty ? nil : instance, lastSeen: 0)
        var code: Int16 = 0
        let joined = condition.withLock { () -> ConsumerGroup? in
            do throws(ConsumerGroup.Failure) {
                id = try change(group) { state throws(ConsumerGroup.Failure) in
                    try state.join(id, member, now: Self.now)
                }
                while let state = groups[group] {
                    if try state.isJoined(id) { return state }
                    wait(group)
                }
            } catch {
                code = error.rawValue
            }
            return nil
        }
        writer.int16(code)
        writer.int32(joined?.generation ?? -1)
        writer.string(joined?.protocolName ?? "")
        writer.string(joined?.leader ?? "")
        writer.string(id)
        let others = joined?.leader == id ? joined?.order ?? [] : []
        writer.int32(Int32(others.count))
        for other in others {
            guard let joined, let member = joined.members[other] else { continue }
            writer.string(other)
            if version >= 5 { writer.string(member.instance) }
            writer.data(member.protocols.first { $0.name == joined.protocolName }?.metadata ?? [])
        }
    }

    private func sync(_ reader: inout KafkaWireReader, _ version: Int16, _ writer: inout KafkaWireWriter) {
        let (group, generation, id) = (reader.string(), reader.int32(), reader.string())
        if version >= 3 { _ = reader.string() }
        var assignments: [String: [UInt8]] = [:]
        for _ in 0..<max(0, reader.int32()) {
            let member = reader.string()
            assignments[member] = reader.data()
        }
        var code: Int16 = 0
        var assignment: [UInt8] = []
        condition.withLock {
            do throws(ConsumerGroup.Failure) {
                try change(group) { state throws(ConsumerGroup.Failure) in
                    try state.sync(id, generation, assignments, now: Self.now)
                }
                while let state = groups[group] {
                    if let given = try state.assignment(id, generation) {
                        assignment = given
                        return
                    }
                    wait(group)
                }
            } catch {
                code = error.rawValue
            }
        }
        writer.int16(code)
        writer.data(assignment)
    }

    /// How many members each group has (DescribeGroups, version 0); of the members nothing but their ids.
    private func describe(_ reader: inout KafkaWireReader, _ writer: inout KafkaWireWriter) {
        let names = (0..<max(0, reader.int32())).map { _ in reader.string() }
        writer.int32(Int32(names.count))
        for name in names {
            let group = read(name) { $0 }
            writer.int16(0)
            writer.string(name)
            writer.string(group.members.isEmpty ? "Empty" : "Stable")
            writer.string("consumer")
            writer.string(group.protocolName)
            writer.int32(Int32(group.order.count))
            for member in group.order {
                for text in [member, "client", "/127.0.0.1"] { writer.string(text) }
                writer.data([])
                writer.data([])
            }
        }
    }

    /// The groups that there are (ListGroups, version 0).
    private func list(_ writer: inout KafkaWireWriter) {
        let names = condition.withLock { groups.keys.sorted() }
        writer.int16(0)
        writer.int32(Int32(names.count))
        for name in names {
            writer.string(name)
            writer.string("consumer")
        }
    }

    /// DeleteGroups, version 0. The mock cluster cannot forget offsets: the group's next life has another name there.
    private func delete(_ reader: inout KafkaWireReader, _ writer: inout KafkaWireWriter) {
        let names = (0..<max(0, reader.int32())).map { _ in reader.string() }
        writer.int32(Int32(names.count))
        for name in names {
            let code = condition.withLock { () -> Int16 in
                groups[name]?.expire(now: Self.now)
                guard let group = groups[name] else { return 69 }
                guard group.members.isEmpty else { return 68 }
                groups[name] = nil
                lives[name, default: 0] += 1
                return 0
            }
            writer.string(name)
            writer.int16(code)
        }
    }

    /// The request with the name under which the mock cluster keeps the group's offsets.
    /// - Parameter reader: behind the header.
    private func renaming(_ request: [UInt8], _ reader: KafkaWireReader) -> [UInt8] {
        var rest = reader
        let group = rest.string()
        guard let life = condition.withLock({ lives[group] }) else { return request }
        var writer = KafkaWireWriter()
        writer.append(Array(request.prefix(request.count - reader.rest.count)))
        writer.string("\(group)~\(life)")
        writer.append(rest.rest)
        return writer.bytes
    }

    /// What is answered here and not by the mock cluster, in its list of what can be asked (ApiVersions, 0 to 2).
    private static func adding(to answer: [UInt8]) -> [UInt8] {
        var reader = KafkaWireReader(answer)
        let (code, count) = (reader.int16(), reader.int32())
        guard code == 0 else { return answer }
        var writer = KafkaWireWriter()
        writer.int16(code)
        writer.int32(count + 3)
        for kind in [15, 16, 42] as [Int16] {
            writer.int16(kind)
            writer.int16(0)
            writer.int16(0)
        }
        writer.append(reader.rest)
        return writer.bytes
    }

    private func heartbeat(_ reader: inout KafkaWireReader) -> Int16 {
        let (group, generation, id) = (reader.string(), reader.int32(), reader.string())
        return code(group) { state throws(ConsumerGroup.Failure) in
            try state.heartbeat(id, generation, now: Self.now)
        }
    }

    private func leave(_ reader: inout KafkaWireReader) -> Int16 {
        let (group, id) = (reader.string(), reader.string())
        return code(group) { state throws(ConsumerGroup.Failure) in try state.leave(id, now: Self.now) }
    }

    /// - Returns: why offsets may not be committed; nil when they may.
    private func refusal(ofCommit request: KafkaWireReader, _ version: Int16) -> Int16? {
        var reader = request
        let group = reader.string()
        guard version >= 1 else { return nil }
        let (generation, id) = (reader.int32(), reader.string())
        let code = code(group) { state throws(ConsumerGroup.Failure) in
            try state.commit(id, generation, now: Self.now)
        }
        guard code != 0 else { return nil }
        condition.withLock { refused[group, default: [:]][code, default: 0] += 1 }
        return code
    }

    /// Answers a commit with the same error for every partition.
    private static func refuse(
        _ reader: inout KafkaWireReader, _ version: Int16, _ code: Int16, _ writer: inout KafkaWireWriter
    ) {
        if version >= 3 { writer.int32(0) }
        _ = (reader.string(), reader.int32(), reader.string())
        if version >= 7 { _ = reader.string() }
        if version >= 2, version <= 4 { _ = reader.int64() }
        let topics = reader.int32()
        writer.int32(topics)
        for _ in 0..<max(0, topics) {
            writer.string(reader.string())
            let partitions = reader.int32()
            writer.int32(partitions)
            for _ in 0..<max(0, partitions) {
                writer.int32(reader.int32())
                _ = reader.int64()
                if version >= 6 { _ = reader.int32() }
                if version == 1 { _ = reader.int64() }
                _ = reader.string()
                writer.int16(code)
            }
        }
    }

    // MARK: State

    private func code(
        _ group: String, _ body: (inout ConsumerGroup) throws(ConsumerGroup.Failure) -> Void
    ) -> Int16 {
        condition.withLock {
            do throws(ConsumerGroup.Failure) {
                try change(group, body)
                return 0
            } catch {
                return error.rawValue
            }
        }
    }

    /// Under the lock.
    private func change<Value>(
        _ group: String, _ body: (inout ConsumerGroup) throws(ConsumerGroup.Failure) -> Value
    ) throws(ConsumerGroup.Failure) -> Value {
        defer { condition.broadcast() }
        return try body(&groups[group, default: ConsumerGroup()])
    }

    /// Until something has changed, or members may have gone. Under the lock.
    private func wait(_ group: String) {
        _ = condition.wait(until: Date(timeIntervalSinceNow: Self.pace))
        groups[group]?.expire(now: Self.now)
    }
}
