import Foundation
import Sluice
import Testing

@testable import SluiceSQLite

/// The write-ahead log is copied beside the commits, and stays short nevertheless.
@Suite struct WriteAheadLogTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private var length: Int {
        let attributes = try? FileManager.default.attributesOfItem(atPath: directory.log + "-wal")
        return attributes?[.size] as? Int ?? 0
    }

    @Test func itStaysShortUnderManyWriters() async throws {
        let log = try directory.open()
        let publisher = log.publisher()
        let payload = [UInt8](repeating: 0x61, count: 256 * 1_024)
        var longest = 0
        for _ in 0..<25 {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<32 {
                    group.addTask { try await publisher.publish([Message(payload: payload)], to: "t") }
                }
                try await group.waitForAll()
            }
            longest = max(longest, length)
        }
        // 200 MB went through it. From 64 MB on it is started over after the copy that is under way, beside which commits go on.
        #expect(longest < 150 << 20)
        #expect(longest > 8 << 20)
        await log.close()
        #expect(length == 0)
    }
}
