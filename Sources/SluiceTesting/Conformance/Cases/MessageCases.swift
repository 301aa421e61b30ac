import Sluice

extension PubSubConformance {
    /// What arrives is what was published.
    static let messageCases: [Case] = [
        Case("deliversWhatWasPublishedWithIdPayloadAndMetadata") { run in
            let topic = run.harness.uniqueTopic()
            let inbox = try await run.inbox(topic)
            let messages = try await run.publish(run.scaled(100), to: topic)
            try await inbox.receive(all: messages)
        },
        Case("deliversMessagesThatArePublishedOneByOne") { run in
            let topic = run.harness.uniqueTopic()
            let inbox = try await run.inbox(topic)
            let messages = run.messages(run.scaled(50))
            let publisher = try await run.publisher()
            run.step("publishing one by one")
            for message in messages { try await publisher.publish([message], to: topic) }
            try await inbox.receive(all: messages)
        },
        Case("acceptsABatchWithoutMessages") { run in
            let topic = run.harness.uniqueTopic()
            let inbox = try await run.inbox(topic)
            try await run.publish([], to: topic)
            let messages = try await run.publish(1, to: topic)
            try await inbox.receive(all: messages)
        },
        Case("deliversAnEmptyPayload") { run in
            try await run.roundTrip(Message(metadata: ["kind": "empty"], payload: []))
        },
        Case("deliversBinaryPayloads") { run in
            try await run.roundTrip(Message(payload: Array(0...255) + [0, 0, 0xFF, 0xFE, 0xC0, 0x80]))
        },
        Case("deliversALargePayload") { run in
            let bytes = (0..<run.features.largestPayload).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
            try await run.roundTrip(Message(payload: bytes))
        },
        Case("deliversAMessageWithoutMetadata") { run in
            try await run.roundTrip(Message(payload: [1]))
        },
        Case("deliversEmptyMetadataValues") { run in
            try await run.roundTrip(Message(metadata: ["empty": "", "full": "x"], payload: [1]))
        },
        Case("deliversHugeMetadata") { run in
            var metadata = Metadata()
            let value = String(repeating: "v", count: 1_000)
            for number in 0..<max(1, run.features.largestMetadata / 1_024) { metadata["name-\(number)"] = value }
            try await run.roundTrip(Message(metadata: metadata, payload: [1]))
        },
        Case("deliversMetadataWithPunctuation") { run in
            let value = #"a "quoted", comma; semicolon = 100 % \ / <b> & {"json":[1,2]}"#
            try await run.roundTrip(Message(metadata: ["punctuation": value, "with.dot_and-dash": "x"], payload: [1]))
        },
        Case("deliversNonASCIIMetadata", needs: .unicode) { run in
            let metadata: Metadata = ["stadt": "Zürich", "名前": "東京", "emoji": "🚀🇨🇭", "decomposed": "e\u{301}"]
            try await run.roundTrip(Message(metadata: metadata, payload: [1]))
        },
        Case("servesNonASCIITopics", needs: .unicode) { run in
            try await run.roundTrip(Message(payload: [1]), to: run.harness.uniqueTopic("überraschung-東京-🚀"))
        },
        Case("keepsForeignIds") { run in
            let unique = run.harness.uniqueTopic("id").name
            try await run.roundTrip(Message(id: MessageID("order/42 \(unique)"), payload: [1]))
            // Uppercase is not the canonical form, and must come back as it was.
            try await run.roundTrip(Message(id: MessageID("018F2C5E-7A00-7B00-8C00-0123456789AB"), payload: [1]))
            try await run.roundTrip(Message(id: MessageID("018f2c5e-7a00-7b00-8c00-0123456789ab"), payload: [1]))
        },
        Case("isolatesTopics") { run in
            let (mine, other) = (run.harness.uniqueTopic(), run.harness.uniqueTopic())
            let inbox = try await run.inbox(mine)
            _ = try await run.publish(5, to: other)
            let messages = try await run.publish(5, to: mine)
            let came = try await inbox.receive(5)
            try run.expect(
                Set(came.map(\.message.id)) == Set(messages.map(\.id)), "the topic's own messages",
                but: "others came too")
            try await inbox.expectNothing("that was published to another topic")
        },
        Case("servesManyTopicsAtOnce") { run in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<20 {
                    group.addTask {
                        let topic = run.harness.uniqueTopic("topic-\(number)")
                        let inbox = try await run.inbox(topic)
                        let messages = try await run.publish(run.scaled(5), to: topic)
                        try await inbox.receive(all: messages)
                    }
                }
                try await group.waitForAll()
            }
        },
    ]
}

extension ConformanceRun {
    /// Publishes one message to a topic of its own and expects it back unchanged.
    func roundTrip(
        _ message: Message, to topic: Topic? = nil, file: StaticString = #fileID, line: UInt = #line
    ) async throws {
        let topic = topic ?? harness.uniqueTopic()
        let inbox = try await inbox(topic)
        try await publish([message], to: topic)
        let delivery = try await inbox.next("the message", file: file, line: line)
        delivery.acknowledge()
        try delivery.expectEqual(to: message, features, file: file, line: line)
    }
}
