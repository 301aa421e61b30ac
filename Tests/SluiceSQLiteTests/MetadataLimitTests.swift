import Foundation
import Sluice
import Testing

@testable import SluiceSQLite

@Suite(.timeLimit(.minutes(10)))
struct MetadataLimitTests {
    private func metadata(_ count: Int) -> Metadata {
        var metadata = Metadata()
        for index in 0..<count { metadata["name \(index)"] = "v" }
        return metadata
    }

    @Test func takesAsMuchMetadataAsAMessageMayHaveAndNoMore() async throws {
        let directory = try TemporaryDirectory()
        let log = try directory.open()
        let publisher = log.publisher()
        let message = Message(metadata: metadata(MetadataLimits.count), payload: [1])
        try await publisher.publish([message], to: "t")
        let subscriber = log.subscriber(group: "g")
        let delivery = try await subscriber.subscribe(to: "t").deliveries(1)[0]
        #expect(delivery.message == message && delivery.origin.failure == nil)
        let error = await #expect(throws: SQLiteLogError.self) {
            try await publisher.publish(
                [Message(metadata: metadata(MetadataLimits.count + 1), payload: [1])], to: "t")
        }
        #expect(error?.code == .tooLarge && error.map { Disposition(of: $0).isPermanent } == true)
        delivery.acknowledge()
        await subscriber.close()
        await log.close()
    }

    /// Another program may have written anything.
    @Test func aStoredMessageWithMoreIsAFailure() async throws {
        let directory = try TemporaryDirectory()
        let log = try directory.open()
        try await log.publisher().publish([Message(payload: [7])], to: "t")
        await log.close()
        let blob = MetadataCoding.encode(metadata(50_000)) ?? []
        let file = directory.path + "/blob"
        try Data(blob).write(to: URL(fileURLWithPath: file))
        try shell("sqlite3 '\(directory.log)' \"UPDATE messages_1 SET metadata = readfile('\(file)')\"")
        let again = try directory.open()
        let subscriber = again.subscriber(group: "g")
        let delivery = try await subscriber.subscribe(to: "t").deliveries(1)[0]
        #expect(delivery.origin.failure is MetadataError)
        #expect(delivery.message.payload == [7] && delivery.message.metadata.count == MetadataLimits.count)
        delivery.acknowledge()
        await subscriber.close()
        await again.close()
    }
}
