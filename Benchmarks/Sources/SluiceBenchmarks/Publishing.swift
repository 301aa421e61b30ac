import Sluice

/// How long it takes to publish so many messages, from so many tasks at once with so many messages a call. Each
/// task publishes the same ones again and again, as the loops beside it do, and the clock starts when they are made.
func publishing(
    _ payload: [UInt8], _ count: Int, by publisher: some Publisher, to topic: Topic, tasks: Int, each: Int
) async throws -> Double {
    let calls = max(1, count / tasks / each)
    let batches = (0..<tasks).map { _ in (0..<each).map { _ in Message(payload: payload) } }
    let seconds = try await timed {
        try await withThrowingDiscardingTaskGroup { group in
            for messages in batches {
                group.addTask {
                    for _ in 0..<calls { try await publisher.publish(messages, to: topic) }
                }
            }
        }
    }
    return seconds * Double(count) / Double(tasks * calls * each)
}
