import Sluice

extension PubSubConformance {
    /// What arrives in which order.
    static let orderCases: [Case] = [
        Case("keepsTheOrderWithASingleSubscriber", needs: .order) { run in
            let topic = run.harness.uniqueTopic()
            let inbox = try await run.inbox(topic)
            let messages = run.messages(run.scaled(200), key: "one")
            let publisher = try await run.publisher()
            // Batches of all sizes, so that a border between two is in many places.
            run.step("publishing in batches")
            var position = 0
            var size = 1
            while position < messages.count {
                let end = min(messages.count, position + size)
                try await publisher.publish(Array(messages[position..<end]), to: topic)
                position = end
                size = size % 17 + 1
            }
            let came = try await inbox.receive(messages.count).map(\.message.id)
            try run.expect(
                came == messages.map(\.id), "the order in which they were published",
                but: "message \(came.indices.first { came[$0] != messages[$0].id } ?? 0) was another")
        },
        Case("keepsTheOrderOfEachKeyOverManyPublishersAndSubscribers", needs: .order) { run in
            let topic = run.harness.uniqueTopic()
            var inboxes: [Inbox] = []
            let several = run.features.guaranteedOrder && run.features.consumerGroups
            for _ in 0..<(several ? 3 : 1) { inboxes.append(try await run.inbox(topic)) }
            let keys = (0..<10).map { key in run.messages(run.scaled(20), key: "key-\(key)") }
            let publishers = Array(keys.indices)
            let tally = Tally()
            let (readers, all) = (inboxes, keys.flatMap(\.self))
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in publishers {
                    group.addTask {
                        let publisher = try await run.publisher()
                        for message in keys[index] { try await publisher.publish([message], to: topic) }
                    }
                }
                group.addTask { try await run.drain(readers, into: tally, until: all) }
                try await group.waitForAll()
            }
            var next: [String: Int] = [:]
            for message in tally.order {
                let key = message.metadata[PubSubHarness.keyName] ?? ""
                let number = Int(message.metadata["number"] ?? "") ?? -1
                // A redelivery of something earlier is not a change of order.
                guard number >= next[key, default: 0] else { continue }
                try run.expect(
                    number == next[key, default: 0], "number \(next[key, default: 0]) of \(key)", but: "\(number) came")
                next[key] = number + 1
            }
        },
        Case("deliversNothingMoreBeforeAcknowledgement", needs: .limitsInFlight) { run in
            let topic = run.harness.uniqueTopic()
            let inbox = try await run.inbox(topic, maxInFlight: 1)
            let messages = try await run.publish(5, to: topic)
            for (number, message) in messages.enumerated() {
                let delivery = try await inbox.next("the next in order", beyond: messages.prefix(number))
                try run.expect(delivery.message.id == message.id, "the next in order", but: "another came")
                try await inbox.expectNothing("while one is unsettled")
                delivery.acknowledge()
            }
        },
        Case("deliversARejectedMessageBeforeNewerOnes", needs: .limitsInFlight) { run in
            let topic = run.harness.uniqueTopic()
            let inbox = try await run.inbox(topic, maxInFlight: 1)
            let messages = try await run.publish(run.scaled(10), to: topic)
            for (number, message) in messages.enumerated() {
                let done = messages.prefix(number)
                for _ in 0..<(number % 3) {
                    let delivery = try await inbox.next("message \(number)", beyond: done)
                    delivery.reject(after: .milliseconds(number % 2))
                    try run.expect(
                        delivery.message.id == message.id, "message \(number) before newer ones", but: "another came")
                }
                let delivery = try await inbox.next("message \(number)", beyond: done)
                delivery.acknowledge()
                try run.expect(
                    delivery.message.id == message.id, "message \(number) before newer ones", but: "another came")
            }
        },
    ]
}
