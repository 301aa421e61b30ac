import Sluice
import Synchronization

/// What several consumers received, and in which order.
final class Tally: Sendable {
    private struct State {
        var order: [Message] = []
        var counts: [MessageID: Int] = [:]
    }

    private let state = Mutex(State())

    func add(_ deliveries: [Delivery]) {
        state.withLock { state in
            for delivery in deliveries {
                let id = delivery.message.id
                state.order.append(delivery.message)
                state.counts[id, default: 0] += 1
            }
        }
    }

    /// How many different messages came.
    var unique: Int { state.withLock(\.counts.count) }

    /// Every delivery in the order in which it was received.
    var order: [Message] { state.withLock(\.order) }

    /// The first message that came more than once.
    var repeated: MessageID? { state.withLock { $0.counts.first { $0.value > 1 }?.key } }

    /// Which of these never came.
    func missing(of messages: [Message]) -> [MessageID] {
        state.withLock { state in messages.map(\.id).filter { state.counts[$0] == nil } }
    }
}

extension ConformanceRun {
    /// Reads all the inboxes at once, acknowledging everything, until `messages` have all come to one or another.
    @discardableResult
    func drain(
        _ inboxes: [Inbox], into tally: Tally = Tally(), until messages: [Message], file: StaticString = #fileID,
        line: UInt = #line
    ) async throws -> Tally {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for inbox in inboxes {
                group.addTask {
                    while let batch = try await inbox.subscription.next(16) {
                        tally.add(batch)
                        for delivery in batch { delivery.acknowledge() }
                    }
                }
            }
            defer { group.cancelAll() }
            try await wait(
                for: "\(messages.count) messages", but: { Self.describe(missing: tally.missing(of: messages)) },
                file: file, line: line
            ) { tally.missing(of: messages).isEmpty }
        }
        // Without groups each subscription has every message.
        let shares = features.exactlyOnce && (features.consumerGroups || inboxes.count == 1)
        try expect(
            !shares || tally.repeated == nil, "each message once",
            but: "\(tally.repeated.map(\.description) ?? "") came twice", file: file, line: line)
        return tally
    }

    static func describe(missing: [MessageID]) -> String {
        "\(missing.count) were missing, such as \(missing.first.map(\.description) ?? "none")"
    }
}
