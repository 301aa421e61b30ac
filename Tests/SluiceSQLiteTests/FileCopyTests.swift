import Foundation
import Sluice
import Testing

@testable import SluiceSQLite

@Suite struct FileCopyTests {
    let directory: TemporaryDirectory
    var copy: String { directory.path + "/copy.sqlite" }

    init() throws { directory = try TemporaryDirectory() }

    /// Everything committed before the copy began is in it, and what is in it is of one moment.
    @Test func aCopyMadeUnderLoadIsOfOneMoment() async throws {
        let log = try directory.open()
        let publisher = log.publisher()
        let store = log.deduplicationStore()
        let isDone = Flag()
        let published = Noted(0)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while !isDone.isRaised {
                    let next = published.value
                    try await publisher.publish([message("\(next)")], to: "t")
                    published.change { $0 += 1 }
                }
            }
            group.addTask {
                let subscription = try await log.subscriber(group: "g").subscribe(to: "t")
                while !isDone.isRaised, let batch = try await subscription.next(16) {
                    for delivery in batch {
                        let key = Array("\(delivery.message.text)".utf8)
                        _ = try await store.reserve(key, scope: "g")
                        // Remembered before it is settled, as routes do.
                        try await store.commit(key, scope: "g", for: .seconds(60))
                        delivery.acknowledge()
                    }
                }
            }
            try await eventually { published.value > 200 }
            for round in 0..<5 {
                let acknowledged = published.value
                let target = round == 4 ? copy : copy + "\(round)"
                #expect(try SQLiteFileCopy(from: directory.log, to: target).run() > 0)
                let last = try shell("sqlite3 '\(target)' 'SELECT max(offset) FROM messages_1'")
                #expect(try #require(Int(last)) >= acknowledged)
            }
            isDone.raise()
            try await publisher.publish([message("end")], to: "t")
            try await group.waitForAll()
        }
        await log.close()
        #expect(try shell("sqlite3 '\(copy)' 'PRAGMA integrity_check'") == "ok")
        // No offset counts as settled whose key is not remembered.
        let settled = try #require(Int(try shell("sqlite3 '\(copy)' 'SELECT settled_through FROM groups'")))
        let keys = try #require(Int(try shell("sqlite3 '\(copy)' 'SELECT count(*) FROM handled_keys'")))
        #expect(settled > 0 && settled <= keys)
        // The copy is a log.
        let restored = try SQLiteLog.open(.init(path: copy))
        let subscription = try await restored.subscriber(group: "g").subscribe(to: "t")
        let first = try await subscription.deliveries(1)[0]
        #expect(first.origin.offset == Int64(settled) + 1)
        #expect(first.message.text == "\(settled)")
        await restored.close()
        let mode = try FileManager.default.attributesOfItem(atPath: copy)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test func aLogThatIsNotOpenIsCopiedWithoutMakingAnything() async throws {
        let log = try directory.open()
        try await log.publisher().publish((0..<100).map { message("\($0)") }, to: "t")
        await log.close()
        let before = try FileManager.default.contentsOfDirectory(atPath: directory.path)
        #expect(try SQLiteFileCopy(from: directory.log, to: copy).run() > 0)
        let after = try FileManager.default.contentsOfDirectory(atPath: directory.path)
        #expect(Set(after).subtracting(before) == ["copy.sqlite"])
        #expect(try shell("sqlite3 '\(copy)' 'SELECT count(*) FROM messages_1'") == "100")
    }

    @Test func whatIsThereIsNotReplaced() async throws {
        await (try directory.open()).close()
        try Data("letter".utf8).write(to: URL(fileURLWithPath: copy))
        #expect(throws: SQLiteLogError.self) { _ = try SQLiteFileCopy(from: directory.log, to: copy).run() }
        // It was there before: its maker keeps it.
        #expect(FileManager.default.contents(atPath: copy) == Data("letter".utf8))
        #expect(throws: SQLiteLogError.self) { _ = try SQLiteFileCopy(from: directory.log + "x", to: copy + "2").run() }
        #expect(!FileManager.default.fileExists(atPath: copy + "2"))
    }
}
