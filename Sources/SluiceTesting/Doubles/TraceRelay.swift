package import InMemoryTracing
import Logging
package import Sluice
import Synchronization
import Tracing

/// Two routes over a broker, the second of which reads what the first publishes: shows whether the broker carries a trace.
package struct TraceRelay {
    /// What the sender knows of itself.
    package static let sender = TraceParent(high: 1, low: 2, span: 3, isSampled: true)

    /// Both routes' spans, in the order of their ends.
    package let spans: [FinishedInMemorySpan]
    /// What the second route read.
    package let metadata: Metadata

    /// - Parameters:
    ///   - publisher: is closed at the end.
    ///   - first: what the first route reads the first topic with.
    ///   - tracer: nil has routes without one.
    package static func run(
        _ publisher: any Publisher, _ first: any Subscriber, _ second: any Subscriber, _ topics: (Topic, Topic),
        tracer: RecordingTracer? = RecordingTracer(), metadata: Metadata = [TraceParent.name: sender.description]
    ) async throws -> TraceRelay {
        let read = Mutex<Metadata?>(nil)
        let router = Router(logger: Logger(label: "relay") { _ in SwiftLogNoOpLogHandler() }, tracer: tracer)
        try router.add(
            Route("relay", from: first, topics.0, to: publisher, topics.1) { message, _ in [message] })
        try router.add(
            Route("end", from: second, topics.1) { message, _ in read.withLock { $0 = message.metadata } })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await router.run() }
            do {
                try await eventually("both routes run") { router.status.allSatisfy(\.isRunning) }
                try await publisher.publish([Message(id: "m", metadata: metadata, payload: [1, 2, 3])], to: topics.0)
                try await eventually("the second route has read it") { read.withLock { $0 != nil } }
            } catch {
                group.cancelAll()
                throw error
            }
            router.drain()
            try await group.waitForAll()
        }
        await first.close()
        await second.close()
        return TraceRelay(spans: tracer?.spans ?? [], metadata: read.withLock { $0 } ?? [:])
    }

    /// What is wrong with the chain from the sender to the last span; nil where it is whole.
    package var fault: String? {
        let names = ["process", "send", "process", "attempt"]
        var parent = Self.sender.spanID
        var rest = spans
        for name in names {
            guard let index = rest.firstIndex(where: { $0.parentSpanID == parent }) else {
                return "nothing stems from \(parent) in \(spans.map { ($0.operationName, $0.spanID, $0.parentSpanID) })"
            }
            let span = rest.remove(at: index)
            guard span.operationName.hasPrefix(name), span.traceID == Self.sender.traceID else {
                return "\(span.operationName) of \(span.traceID) stands where \(name) should"
            }
            parent = span.spanID
        }
        return rest.isEmpty ? nil : "\(rest.map(\.operationName)) are too many"
    }
}
