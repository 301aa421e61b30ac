import Foundation
import Sluice
import Testing

@testable import SluiceSQLite

/// A person can edit the file with `sqlite3`: whatever numbers stand in it, the log says so or goes on, and never ends the
/// process.
@Suite struct NumbersInTheFileTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private static let values = ["\(Int64.min)", "-1", "\(OffsetSet.limit)", "\(Int64.max)", "1e300", "'x'"]

    /// Where numbers stand.
    private static let places = [
        "UPDATE messages_1 SET offset = ? WHERE offset = (SELECT min(offset) FROM messages_1)",
        "UPDATE messages_1 SET offset = ? WHERE offset = (SELECT max(offset) FROM messages_1)",
        "UPDATE messages_1 SET time = ?",
        "UPDATE messages_1 SET time = ? WHERE offset = (SELECT min(offset) FROM messages_1)",
        "UPDATE messages_1 SET metadata = ?",
        "UPDATE messages_1 SET id = ?",
        "UPDATE topics SET deleted_through = ?",
        "UPDATE topics SET deleted_time = ?",
        "UPDATE topics SET deleted_through = ?, deleted_time = ?",
        "UPDATE time_marks SET second = ?",
        "UPDATE time_marks SET offset = ?",
        "UPDATE groups SET settled_through = ?",
        "UPDATE groups SET ahead = ?",
        "UPDATE groups SET ahead_count = ?",
        "UPDATE groups SET delivered_through = ?",
        "UPDATE groups SET settled_through = ?, delivered_through = ?",
        "UPDATE groups SET owner = x'00', lease_end = ?",
        "UPDATE groups SET last_read = ?",
        "UPDATE handled_keys SET expires = ?",
        "UPDATE clock SET believed = ?, wall = ?, doubted_for = ?, overruled = ?",
        "UPDATE facts SET value = ?",
        // Where several do their worst together.
        """
        UPDATE messages_1 SET offset = ? WHERE offset = (SELECT min(offset) FROM messages_1);
        UPDATE time_marks SET offset = ?
        """,
        """
        DELETE FROM messages_1 WHERE offset > (SELECT min(offset) FROM messages_1);
        UPDATE messages_1 SET offset = ?;
        UPDATE topics SET deleted_through = ?;
        UPDATE groups SET settled_through = 5
        """,
    ]

    @Test(arguments: places)
    func noNumberInTheFileEndsTheProcess(_ place: String) async throws {
        let template = directory.path + "/template.sqlite"
        try await make(template)
        for (index, value) in Self.values.enumerated() {
            // A key that is there already, or a type that a column does not take: nothing is edited then.
            let edit = directory.path + "/edit.sql"
            try place.replacing("?", with: value).write(toFile: edit, atomically: false, encoding: .utf8)
            let edited = directory.path + "/\(index).sqlite"
            try FileManager.default.copyItem(atPath: template, toPath: edited)
            try shell("sqlite3 '\(edited)' < '\(edit)' 2> /dev/null")
            for unsettledGoes in [false, true] {
                let path = directory.path + "/\(index)-\(unsettledGoes).sqlite"
                try FileManager.default.copyItem(atPath: edited, toPath: path)
                await use(path, unsettledGoes: unsettledGoes)
            }
        }
    }

    private func make(_ path: String) async throws {
        let log = try SQLiteLog.open(SQLiteLog.Configuration(path: path))
        for second in 0..<3 {
            try await log.publisher().publish(
                (0..<4).map { Message(metadata: ["n": "\($0)"], payload: [UInt8(second)]) }, to: "t")
        }
        try await log.publisher().publish([message("p")], to: "poison")
        let subscriber = log.subscriber(group: "reader")
        let subscription = try await subscriber.subscribe(to: "t")
        let deliveries = try await subscription.deliveries(12)
        // With a gap, so that something is settled ahead.
        for delivery in deliveries where delivery.origin.offset != 3 { delivery.acknowledge() }
        await subscriber.close()
        let store = log.deduplicationStore()
        _ = try await store.reserve([1], scope: "s")
        try await store.commit([1], scope: "s", for: .seconds(60))
        try await log.setFact("a", "1")
        await log.close()
        // In rollback mode a copy of the one file is whole.
        try shell("sqlite3 '\(path)' 'PRAGMA journal_mode = DELETE'")
    }

    /// Does all that a log is for. Each step may fail, and none may trap or hang.
    private func use(_ path: String, unsettledGoes: Bool) async {
        var configuration = SQLiteLog.Configuration(path: path)
        configuration.retention = .init(age: .milliseconds(1), size: 1, dropUnsettled: unsettledGoes)
        configuration.retention.topics = ["poison": .init(age: .seconds(1), size: 1, keepsUnread: true)]
        configuration.retention.topics["t"] = unsettledGoes ? nil : .init(age: .seconds(1), size: 1)
        configuration.retention.clockProbation = .zero
        _ = try? SQLiteLog.groups(inFile: path)
        for time in [nil, Timestamp(millisecondsSince1970: .min), Timestamp(millisecondsSince1970: .max)] {
            _ = try? SQLiteLogView(path: path).messages(in: "t", from: time)
        }
        _ = try? SQLiteLogView(path: path).lastOffset(in: "t")
        guard let log = try? SQLiteLog.open(configuration) else { return }
        let store = log.deduplicationStore()
        _ = try? await store.reserve([1], scope: "s")
        try? await store.commit([1], scope: "s", for: .seconds(Int64.max / 2))
        for group in ["reader", "absent"] { _ = try? await log.backlog(group: group, topic: "t") }
        _ = try? await log.groups()
        _ = try? await log.position(of: "reader", topic: "t")
        let positions: [SQLiteGroupPosition] = [
            .beginning, .end, .offset(.min), .offset(.max), .at(Timestamp(millisecondsSince1970: .min)),
            .at(Timestamp(millisecondsSince1970: .max)), .at(Timestamp(millisecondsSince1970: 0)),
        ]
        for position in positions { _ = try? await log.seek(group: "reader", topic: "t", to: position) }
        _ = try? await log.introduce(
            [
                ("a", .beginning), ("b", .end), ("c", .time(Timestamp(millisecondsSince1970: .min))),
                ("d", .time(Timestamp(millisecondsSince1970: .max))),
            ], topic: "t")
        _ = try? await log.beginHandover(
            of: "t", readBy: ["reader", "a", "b"], required: ["reader"], idle: .seconds(3_600), to: "mover")
        _ = try? await log.endHandover(of: "t", readBy: ["reader"], makes: true, to: "mover")
        await read(log)
        _ = try? await log.retain()
        try? await log.publisher().publish([message("next")], to: "t")
        await read(log)
        _ = try? await log.retain()
        await log.close()
    }

    private func read(_ log: SQLiteLog) async {
        for time in [nil, Timestamp(millisecondsSince1970: .min), Timestamp(millisecondsSince1970: .max)] {
            var batches = log.messages(in: "t", from: time).makeAsyncIterator()
            for _ in 0..<20 { guard (try? await batches.next()) != nil else { break } }
        }
        for group in ["reader", "fresh"] {
            let subscriber = log.subscriber(group: group)
            // A position behind everything has nothing to read.
            try? await within(.milliseconds(30)) {
                let subscription = try await subscriber.subscribe(to: "t")
                for delivery in try await subscription.next(1) ?? [] { delivery.reject() }
                for delivery in try await subscription.next(20) ?? [] { delivery.acknowledge() }
            }
            await subscriber.close()
        }
    }
}
