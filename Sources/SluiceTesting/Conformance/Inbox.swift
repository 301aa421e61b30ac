import Sluice

/// A subscription as the cases read it: every wait has a deadline and fails with what was missing.
struct Inbox: Sendable {
    let subscription: Subscription
    let subscriber: any Subscriber
    let topic: Topic
    let run: ConformanceRun

    init(_ subscription: Subscription, subscriber: any Subscriber, topic: Topic, run: ConformanceRun) {
        self.subscription = subscription
        self.subscriber = subscriber
        self.topic = topic
        self.run = run
    }

    /// The next delivery, unsettled.
    func next(_ what: String = "another delivery", file: StaticString = #fileID, line: UInt = #line) async throws
        -> Delivery
    {
        let batch = try await next(1, what, file: file, line: line)
        guard let first = batch.first, batch.count == 1 else {
            throw ConformanceFailure(
                expected: "1 delivery when 1 was asked for", actual: "\(batch.count) came", file: file, line: line)
        }
        return first
    }

    /// The next delivery, unsettled. One of `done` that comes again is acknowledged and left out: an acknowledgement may
    /// have been lost with a connection, and that is no change of order.
    func next(
        _ what: String, beyond done: some Sequence<Message>, file: StaticString = #fileID, line: UInt = #line
    ) async throws -> Delivery {
        let done = Set(done.map(\.id))
        while true {
            let delivery = try await next(what, file: file, line: line)
            guard done.contains(delivery.message.id) else { return delivery }
            delivery.acknowledge()
        }
    }

    /// The next deliveries, at most `limit`, unsettled.
    func next(_ limit: Int, _ what: String, file: StaticString = #fileID, line: UInt = #line) async throws
        -> [Delivery]
    {
        run.step("waiting for \(what)")
        let outcome = try await withDeadline(run.patience, in: run.time) { [subscription] in
            try await subscription.next(limit)
        }
        switch outcome {
        case .met(let batch?):
            return batch
        case .met(nil):
            throw ConformanceFailure(expected: what, actual: "the subscription had ended", file: file, line: line)
        case .missed:
            throw ConformanceFailure(
                expected: what, actual: "nothing came within \(run.patience)", file: file, line: line)
        }
    }

    /// Reads until `count` different messages have come. A repeated one is acknowledged and left out, unless the
    /// Pub/Sub promises to deliver exactly once.
    /// - Returns: their first deliveries in order of arrival.
    func receive(
        _ count: Int, file: StaticString = #fileID, line: UInt = #line
    ) async throws -> [Delivery] {
        var seen: Set<MessageID> = []
        var deliveries: [Delivery] = []
        while deliveries.count < count {
            let batch = try await next(
                count - deliveries.count, "\(count) messages, of which \(deliveries.count) came", file: file, line: line
            )
            for delivery in batch {
                if seen.insert(delivery.message.id).inserted {
                    delivery.acknowledge()
                    deliveries.append(delivery)
                } else {
                    delivery.acknowledge()
                    try run.expect(
                        !run.features.exactlyOnce, "each message once", but: "\(delivery.message.id) came twice",
                        file: file, line: line)
                }
            }
        }
        return deliveries
    }

    /// Reads until every one of `messages` has come, in any order, each equal to what was published.
    func receive(all messages: [Message], file: StaticString = #fileID, line: UInt = #line) async throws {
        var missing = Dictionary(messages.map { ($0.id, $0) }) { first, _ in first }
        while !missing.isEmpty {
            let batch = try await next(
                256, "\(messages.count) messages, of which \(missing.count) are missing", file: file, line: line)
            for delivery in batch {
                delivery.acknowledge()
                guard let published = missing.removeValue(forKey: delivery.message.id) else { continue }
                try delivery.expectEqual(to: published, run.features, file: file, line: line)
            }
        }
    }

    /// Reads until every one of `messages` has come and been acknowledged, after each was rejected `times`.
    func receive(
        all messages: [Message], rejectingEach times: Int, after delay: Duration? = nil,
        file: StaticString = #fileID, line: UInt = #line
    ) async throws {
        var rejections: [MessageID: Int] = [:]
        var missing = Set(messages.map(\.id))
        while !missing.isEmpty {
            let batch = try await next(
                16, "\(messages.count) messages after \(times) rejections each, of which \(missing.count) are missing",
                file: file, line: line)
            for delivery in batch {
                let count = rejections[delivery.message.id, default: 0]
                if count < times {
                    rejections[delivery.message.id] = count + 1
                    delivery.reject(after: delay)
                } else {
                    delivery.acknowledge()
                    missing.remove(delivery.message.id)
                }
            }
        }
    }

    /// Takes some deliveries, settles none, and closes the subscriber. The last references go when this returns.
    func takeSomeAndClose() async throws {
        let unsettled = try await next(16, "some deliveries")
        await subscriber.close()
        withExtendedLifetime(unsettled) {}
    }

    /// Fails when anything arrives within the harness's quiet time.
    func expectNothing(_ why: String, file: StaticString = #fileID, line: UInt = #line) async throws {
        run.step("watching that nothing is delivered \(why)")
        let waiting = run.time.task { [subscription] in try await subscription.next(1) }
        let timer = run.time.task { [time = run.time, quiet = run.harness.quiet] in
            try? await time.sleep(for: quiet)
            waiting.cancel()
        }
        defer { timer.cancel() }
        guard let batch = try await waiting.value, let first = batch.first else { return }
        throw ConformanceFailure(
            expected: "nothing to be delivered \(why)", actual: "\(first.message.id) was", file: file, line: line)
    }

    /// Fails unless the stream ends, whatever it still delivers before.
    func expectEnd(_ why: String, file: StaticString = #fileID, line: UInt = #line) async throws {
        run.step("waiting for the end of the subscription \(why)")
        let outcome = try await withDeadline(run.patience, in: run.time) { [subscription] in
            while try await subscription.next(256) != nil {}
        }
        if case .missed = outcome {
            throw ConformanceFailure(
                expected: "the subscription to end \(why)", actual: "it was open after \(run.patience)", file: file,
                line: line)
        }
    }
}

extension Delivery {
    /// Fails unless id, payload and metadata are those of `published`; the order of metadata is not compared.
    func expectEqual(
        to published: Message, _ features: PubSubFeatures, file: StaticString = #fileID, line: UInt = #line
    ) throws {
        try message.expectEqual(
            to: published, beside: origin.redelivered ? features.redeliveryMetadata : [], file: file, line: line)
    }
}

extension Message {
    fileprivate func expectEqual(
        to published: Message, beside added: Set<String>, file: StaticString, line: UInt
    ) throws {
        if id != published.id || id.description != published.id.description {
            throw ConformanceFailure(expected: "the id \(published.id)", actual: "it was \(id)", file: file, line: line)
        }
        if payload != published.payload {
            throw ConformanceFailure(
                expected: "the payload of \(published.payload.count) bytes of \(id)",
                actual: payload.count == published.payload.count
                    ? "its bytes differ" : "it has \(payload.count) bytes", file: file, line: line)
        }
        for entry in published.metadata where metadata[entry.name] != entry.value {
            throw ConformanceFailure(
                expected: "the metadata \(entry.name.debugDescription) of \(entry.value.utf8.count) bytes on \(id)",
                actual: metadata[entry.name].map { "it has other \($0.utf8.count) bytes" } ?? "it is missing",
                file: file, line: line)
        }
        if let extra = metadata.first(where: { published.metadata[$0.name] == nil && !added.contains($0.name) }) {
            throw ConformanceFailure(
                expected: "no metadata but what was published", actual: "\(extra.name.debugDescription) was added",
                file: file, line: line)
        }
    }
}
