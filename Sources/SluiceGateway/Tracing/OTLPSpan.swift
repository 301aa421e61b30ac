import Synchronization
import Tracing

/// A span that goes to the exporter when it ends. One that is not sampled keeps nothing.
final class OTLPSpan: Tracing.Span {
    let context: ServiceContext
    private let buffer: SpanBuffer?
    private let state: Mutex<State>

    private struct State {
        var record: SpanRecord?
        var name: String
    }

    init(_ context: ServiceContext, _ record: SpanRecord, to buffer: SpanBuffer) {
        self.context = context
        self.buffer = buffer
        state = Mutex(State(record: record, name: record.name))
    }

    /// One that is not sampled.
    init(_ context: ServiceContext, _ name: String) {
        self.context = context
        buffer = nil
        state = Mutex(State(record: nil, name: name))
    }

    var isRecording: Bool { state.withLock { $0.record != nil } }

    var operationName: String {
        get { state.withLock { $0.record?.name ?? $0.name } }
        set {
            state.withLock { state in
                state.name = newValue
                state.record?.name = newValue
            }
        }
    }

    var attributes: SpanAttributes {
        get { state.withLock { $0.record?.attributes ?? [:] } }
        set { state.withLock { $0.record?.attributes = newValue } }
    }

    func setStatus(_ status: SpanStatus) {
        state.withLock { $0.record?.status = status }
    }

    func addEvent(_ event: SpanEvent) {
        state.withLock { $0.record?.add(event) }
    }

    func addLink(_ link: SpanLink) {
        state.withLock { $0.record?.add(link) }
    }

    /// The error's type alone: what it says may hold what must not leave the process.
    func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {
        var attributes = attributes
        attributes["exception.type"] = String(reflecting: type(of: error))
        addEvent(SpanEvent(name: "exception", at: instant(), attributes: attributes))
    }

    /// A second end changes nothing.
    func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        guard let buffer else { return }
        let end = instant().nanosecondsSinceEpoch
        let ended = state.withLock { state -> SpanRecord? in
            guard var record = state.record.take() else { return nil }
            state.name = record.name
            // A clock that was set back makes no span end before it begins.
            record.end = max(record.start, end)
            return record
        }
        if let ended { buffer.append(ended) }
    }
}
