import Logging
import Sluice
import SluiceTesting
import Synchronization

@testable import SluiceKafka

/// A route that reads a topic and remembers what it handled, in order.
final class ReadingRoute: Sendable {
    struct Handled: Sendable, Equatable {
        var text: String
        var key: [UInt8]
        var partition: Int32
        var offset: Int64
        var redelivered: Bool
        var attempt: Int
    }

    let subscriber: KafkaSubscriber
    private let router: Router
    private let list = Mutex<[Handled]>([])

    init(
        _ subscriber: KafkaSubscriber, _ topic: Topic, _ ordering: Ordering = .perKey(lanes: 16),
        middlewares: [any Middleware] = [], journal: Journal? = nil,
        before: @escaping @Sendable (Message, HandlerContext) async throws -> Void = { _, _ in }
    ) throws {
        self.subscriber = subscriber
        router = Router(middlewares: middlewares, logger: .silent)
        let list = self
        try router.add(
            Route("r", from: subscriber, topic, ordering: ordering) { message, context in
                try await before(message, context)
                let handled = Handled(
                    text: message.text, key: context.origin.key ?? [], partition: context.origin.partition ?? -1,
                    offset: context.origin.offset ?? -1,
                    redelivered: context.origin.redelivered, attempt: context.origin.attempt)
                list.list.withLock { $0.append(handled) }
                journal?.add(handled)
            })
    }

    var handled: [Handled] { list.withLock(\.self) }
    var texts: Set<String> { Set(handled.map(\.text)) }
    var count: Int { list.withLock(\.count) }

    /// Runs while `body` does, then drains and closes the subscriber; or, where it is to crash, does neither.
    func run(crashing: Bool = false, during body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.router.run() }
            do {
                try await body()
            } catch {
                group.cancelAll()
                await subscriber.crash()
                throw error
            }
            if crashing { await subscriber.crash() }
            router.drain()
            try await group.waitForAll()
        }
        await subscriber.close()
    }

    /// What several routes handled, in the order in which it was.
    final class Journal: Sendable {
        private let list = Mutex<[Handled]>([])

        func add(_ handled: Handled) { list.withLock { $0.append(handled) } }
        var all: [Handled] { list.withLock(\.self) }
        var count: Int { list.withLock(\.count) }
        var unique: Int { list.withLock { Set($0.map(\.text)).count } }

        /// The first message that came before an earlier one of its key had come for the first time.
        var outOfOrder: Handled? {
            let all = all
            // Each key's offsets in the order of the log.
            var rest = Dictionary(grouping: all, by: \.key).mapValues { Array(Set($0.map(\.offset))).sorted()[...] }
            var seen: Set<[Int64]> = []
            for handled in all where seen.insert([Int64(handled.partition), handled.offset]).inserted {
                if rest[handled.key]?.popFirst() != handled.offset { return handled }
            }
            return nil
        }
    }
}
