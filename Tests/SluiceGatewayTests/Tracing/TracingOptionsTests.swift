import GatewayTestSupport
import Sluice
import Testing
import Tracing

@testable import SluiceGateway

struct TracingOptionsTests {
    private func tracing(_ environment: [String: String]) throws -> GatewayConfiguration.Tracing {
        try GatewayConfiguration(environment: environment).tracing
    }

    @Test func withoutAnEndpointNothingIsTraced() throws {
        #expect(try tracing([:]).url == nil)
        #expect(try tracing(["OTEL_SERVICE_NAME": "s", "OTEL_TRACES_SAMPLER": "always_on"]).url == nil)
    }

    @Test(arguments: [
        (["OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"], "http://localhost:4318/v1/traces"),
        (["OTEL_EXPORTER_OTLP_ENDPOINT": "https://c.example.org/otlp//"], "https://c.example.org/otlp/v1/traces"),
        (
            [
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:1", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://b:2/x?y=1",
            ], "http://b:2/x?y=1"
        ),
        (["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://b:2"], "http://b:2"),
    ])
    func spansGoWhereOpenTelemetrySays(_ environment: [String: String], _ url: String) throws {
        #expect(try tracing(environment).url == url)
    }

    @Test func readsHeadersAndAttributesAsBaggageHasThem() throws {
        let tracing = try tracing([
            "OTEL_EXPORTER_OTLP_HEADERS": "api-key=se%20cret==, X-Tenant = web ,,",
            "OTEL_RESOURCE_ATTRIBUTES": "service.name=from-resource,team=w%C3%A9b,service.version=7",
        ])
        #expect(tracing.headers.entries.map(\.name) == ["api-key", "X-Tenant"])
        #expect(tracing.headers.entries.map { $0.value.reveal() } == ["se cret==", "web"])
        #expect(!"\(tracing)".contains("se cret"))
        #expect(!String(reflecting: tracing).contains("se cret"))
        var attributes = Dictionary(uniqueKeysWithValues: tracing.attributes.map { ($0.name, $0.value) })
        #expect(attributes["service.name"] == "from-resource")
        #expect(attributes["team"] == "wéb")
        #expect(attributes["service.version"] == "7")
        #expect(attributes["telemetry.sdk.language"] == "swift")
        attributes = Dictionary(
            uniqueKeysWithValues: try self.tracing([
                "OTEL_SERVICE_NAME": "own", "OTEL_RESOURCE_ATTRIBUTES": "service.name=from-resource",
            ]).attributes.map { ($0.name, $0.value) })
        #expect(attributes["service.name"] == "own")
    }

    @Test(arguments: [
        ["OTEL_EXPORTER_OTLP_ENDPOINT": "localhost:4318"], ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://u:p@h:1"],
        ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:1/?a=b"], ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "ftp://h"],
        ["OTEL_EXPORTER_OTLP_HEADERS": "no-value"], ["OTEL_EXPORTER_OTLP_HEADERS": "a=%zz"],
        ["OTEL_EXPORTER_OTLP_HEADERS": "a=x%0d%0aEvil: 1"], ["OTEL_EXPORTER_OTLP_HEADERS": "a b=c"],
        ["OTEL_EXPORTER_OTLP_HEADERS": "a=%ff"], ["OTEL_EXPORTER_OTLP_HEADERS": "=c"],
        ["OTEL_RESOURCE_ATTRIBUTES": "team"], ["OTEL_TRACES_SAMPLER": "sometimes"],
        ["OTEL_TRACES_SAMPLER_ARG": "1.5"], ["OTEL_TRACES_SAMPLER_ARG": "-0.1"],
    ])
    func refusesWhatCannotBe(_ environment: [String: String]) throws {
        let error = #expect(throws: EnvironmentError.self) { try tracing(environment) }
        #expect(error?.problems.count == 1)
        let (name, value) = try #require(environment.first)
        #expect(error?.description.hasPrefix("\(name): expected") == true)
        #expect(error?.description.contains(value) == false)
    }

    @Test func samplersGoByTheSenderOrByTheTracesID() throws {
        let sampled = TraceParent(high: 1, low: 1, span: 1, isSampled: true)
        let unsampled = TraceParent(high: 1, low: 1, span: 1, isSampled: false)
        func keeps(_ name: String, _ parent: TraceParent?, low: UInt64 = 1 << 62, ratio: Double = 0.5) throws -> Bool {
            let sampler = try tracing(["OTEL_TRACES_SAMPLER": name]).sampler
            return sampler.keeps(parent: parent, low: low, ratio: ratio)
        }
        for (name, root) in [("on", true), ("off", false)] {
            for parent in [nil, sampled, unsampled] {
                #expect(try keeps("always_\(name)", parent) == root)
                #expect(try keeps("parentbased_always_\(name)", parent) == parent?.isSampled ?? root)
            }
        }
        #expect(try keeps("traceidratio", unsampled, low: 1 << 62))
        #expect(try keeps("traceidratio", sampled, low: 1 << 63) == false)
        #expect(try keeps("parentbased_traceidratio", sampled, low: .max))
        #expect(try keeps("parentbased_traceidratio", nil, low: .max) == false)
        #expect(try keeps("traceidratio", nil, low: .max, ratio: 1))
        #expect(try keeps("traceidratio", nil, low: 0, ratio: 0) == false)
        #expect(try tracing([:]).sampler == .parentBasedAlwaysOn)
        // Ratios hold: the ids are random.
        let tracer = OTLPTracer(
            buffer: SpanBuffer(capacity: 1, batch: 1), sampler: .parentBasedTraceIDRatio, ratio: 0.25)
        let kept = (0..<10_000).count { _ in tracer.startSpan("s", context: .topLevel).isRecording }
        #expect((2_200...2_800).contains(kept))
    }
}
