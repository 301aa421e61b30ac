import Sluice
import Tracing

extension HTTPClient.Request {
    /// Names the span that it is sent within, for the other side to go on with its trace.
    /// - Returns: the id of the trace, where it is sampled.
    mutating func carry(_ context: ServiceContext, of tracer: any Tracer) -> String? {
        tracer.inject(context, into: &headers, using: HeaderInjector())
        return tracer.sampledTraceID(of: context)
    }
}

private struct HeaderInjector: Injector {
    func inject(_ value: String, forKey key: String, into carrier: inout [HTTPClient.Header]) {
        let name = key.lowercased()
        carrier.removeAll { $0.name.lowercased() == name }
        carrier.append(HTTPClient.Header(name: key, value: value))
    }
}
