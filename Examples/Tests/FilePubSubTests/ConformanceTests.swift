import Foundation
import Sluice
import SluiceTesting
import Synchronization
import Testing

@testable import FilePubSub

/// The adapter keeps the promises of every Pub/Sub.
struct ConformanceTests {
    /// What it promises. Everything that is not named here is on.
    static let features = PubSubFeatures().with {
        // Several readers of a group take what comes.
        $0.guaranteedOrder = false
        $0.limitsInFlight = false
        $0.restartable = true
    }

    /// A directory of its own for each case, and the broker that reads it now.
    private final class Directory: Sendable {
        let url: URL
        private let current: Mutex<FileBroker>

        init() throws {
            url = FileManager.default.temporaryDirectory.appending(path: "file-pubsub-\(UUID())")
            current = Mutex(try FileBroker(directory: url))
        }

        deinit { try? FileManager.default.removeItem(at: url) }

        var broker: FileBroker { current.withLock(\.self) }

        /// As after a crash: nothing but the files is left.
        func restart() throws {
            let next = try FileBroker(directory: url)
            current.withLock { $0 = next }
        }
    }

    @Test(arguments: PubSubConformance.allCases)
    func conforms(to conformance: PubSubConformance.Case) async throws {
        let directory = try Directory()
        var harness = PubSubHarness(features: Self.features) {
            directory.broker.publisher()
        } makeSubscriber: { options in
            directory.broker.subscriber(group: options.group ?? "none", capacity: options.capacity ?? 256)
        }
        harness.restart = { try directory.restart() }
        harness.injectMalformed = { topic in
            try await directory.broker.topic(topic).append([Data(#"{"id":"#.utf8)])
        }
        harness.patience = .seconds(60)
        harness.deadline = .seconds(240)
        if let reason = conformance.skipReason(on: harness) { return print("\(conformance) is left out: it \(reason)") }
        try await conformance.run(on: harness)
    }

    @Test func aRecordThatACrashCutOffIsNoMessage() async throws {
        let directory = try Directory()
        try await directory.broker.publisher().publish([Message(id: "m1", text: "whole")], to: "t")
        let file = directory.url.appending(path: FileBroker.fileName("t")).appending(path: "messages")
        var bytes = try Data(contentsOf: file)
        bytes += Data(#"{"id":"m2","payl"#.utf8)
        try bytes.write(to: file)
        try directory.restart()
        try await directory.broker.publisher().publish([Message(id: "m3", text: "next")], to: "t")
        let subscription = try await directory.broker.subscriber(group: "g").subscribe(to: "t")
        var ids: [String] = []
        while ids.count < 2, let batch = try await subscription.next() {
            for delivery in batch where delivery.acknowledge() { ids.append("\(delivery.message.id)") }
        }
        #expect(ids == ["m1", "m3"])
    }
}
