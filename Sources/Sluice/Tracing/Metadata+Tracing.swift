public import Tracing

/// The context of a trace travels as metadata, so that every broker carries it without knowing of it. Which names it has is
/// the tracer's business: `traceparent` and `tracestate` with W3C Trace Context.
extension Metadata {
    /// Writes a span's context into the metadata, for the one who reads the message. What an earlier span left is replaced. Nothing is
    /// changed where the metadata would go beyond ``MetadataLimits``.
    ///
    /// A route with a tracer does this for what its handler returns. Call it for what is published outside of a route:
    ///
    /// ```swift
    /// var message = Message(payload: bytes)
    /// message.metadata.inject(span.context, with: tracer)
    /// try await publisher.publish([message], to: "orders")
    /// ```
    public mutating func inject(_ context: ServiceContext, with instrument: any Instrument) {
        var fields = Metadata()
        instrument.inject(context, into: &fields, using: MetadataInjector())
        carry(fields)
    }

    /// What the metadata say of the span that published the message.
    /// - Returns: the context of a new trace's root where they say nothing that the tracer understands.
    public func context(with instrument: any Instrument) -> ServiceContext {
        var context = ServiceContext.topLevel
        instrument.extract(self, into: &context, using: MetadataExtractor())
        return context
    }

    /// Takes over the fields of another span.
    /// - Parameter fields: as a tracer has written them; with none nothing is changed.
    mutating func carry(_ fields: Metadata) {
        guard !fields.isEmpty else { return }
        var carried = self
        // The states of one trace would be read as those of another.
        for name in [TraceParent.name, TraceParent.stateName] { carried[name] = nil }
        carried.merge(fields)
        if MetadataLimits.excess(of: carried) == nil { self = carried }
    }
}

extension Instrument {
    /// The id of a span's trace, of one that is sampled: of others nothing is kept anywhere. Nil also where the tracer does not
    /// write W3C Trace Context.
    package func sampledTraceID(of context: ServiceContext) -> String? {
        var fields = Metadata()
        inject(context, into: &fields, using: MetadataInjector())
        let parent = fields[TraceParent.name].flatMap(TraceParent.init)
        return parent.flatMap { $0.isSampled ? $0.traceID : nil }
    }
}

private struct MetadataInjector: Injector {
    func inject(_ value: String, forKey key: String, into carrier: inout Metadata) {
        carrier[key] = value
    }
}

private struct MetadataExtractor: Extractor {
    func extract(key: String, from carrier: Metadata) -> String? { carrier[key] }
}
