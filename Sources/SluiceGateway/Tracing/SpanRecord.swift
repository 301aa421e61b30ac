import Sluice
import Tracing

/// All that is known of one span.
struct SpanRecord: Sendable {
    /// OpenTelemetry's own bound for attributes, events and links each.
    static let limit = 128

    let span: TraceParent
    let parent: UInt64?
    let state: String?
    var name: String
    let kind: SpanKind
    /// In nanoseconds since 1970.
    let start: UInt64
    var end: UInt64
    var attributes: SpanAttributes = [:]
    private(set) var events: [SpanEvent] = []
    private(set) var droppedEvents = 0
    private(set) var links: [SpanLink] = []
    private(set) var droppedLinks = 0
    var status: SpanStatus?

    init(_ span: TraceParent, parent: UInt64?, state: String?, name: String, kind: SpanKind, start: UInt64) {
        self.span = span
        self.parent = parent
        self.state = state
        self.name = name
        self.kind = kind
        self.start = start
        end = start
    }

    mutating func add(_ event: SpanEvent) {
        if events.count < Self.limit { events.append(event) } else { droppedEvents += 1 }
    }

    mutating func add(_ link: SpanLink) {
        if links.count < Self.limit { links.append(link) } else { droppedLinks += 1 }
    }
}
