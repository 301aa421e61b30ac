import Sluice

extension GatewayConfiguration {
    /// Where spans go. The variables are OpenTelemetry's own
    /// (https://opentelemetry.io/docs/specs/otel/protocol/exporter/), so that what a company sets for its other programs is
    /// right here too.
    public struct Tracing: Sendable {
        /// The collector, such as `http://localhost:4318`: spans go to its path `/v1/traces`. Nil, the default, makes none.
        public var endpoint: String?
        /// The whole address that spans go to. Nil, the default, follows from ``endpoint``.
        public var tracesEndpoint: String?
        /// What each request to the collector brings along, such as a key. Default none.
        public var headers = TraceHeaders([])
        /// The attribute `service.name`. Default `sluice`.
        public var serviceName = "sluice"
        /// Further attributes of this process. `service.name` counts where ``serviceName`` was left as it is.
        public var resource = TraceResource([])
        /// Which traces are kept. Default ``TraceSampler/parentBasedAlwaysOn``.
        public var sampler = TraceSampler.parentBasedAlwaysOn
        /// The share of the traces that begin here, for a sampler by ratio: from 0 to 1. Default 1.
        public var ratio = 1.0

        public init() {}

        /// Where spans are posted to; nil where none are made.
        var url: String? {
            if let tracesEndpoint { return tracesEndpoint }
            guard var endpoint else { return nil }
            while endpoint.hasSuffix("/") { endpoint.removeLast() }
            return endpoint + "/v1/traces"
        }
    }

    static let tracingSettings: [ConfigurationSetting] = [
        .init(
            "tracing.endpoint",
            ConfigurationOption(
                "otlp_endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT", .collector, example: .hint("http://localhost:4318"),
                """
                The collector that takes traces by OTLP over HTTP in JSON, at its path `/v1/traces`; unset: nothing is \
                traced
                """),
            \.tracing.endpoint),
        .init(
            "tracing.tracesEndpoint",
            ConfigurationOption(
                "otlp_traces_endpoint", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                .webAddress.refusing("") { field, url, check in
                    check(field, WebAddress.isValid(url), expected: OptionFormat<String>.webAddress.expectation)
                },
                "The whole address that traces go to, where that is another"),
            \.tracing.tracesEndpoint),
        .init(
            "tracing.headers",
            ConfigurationOption(
                "otlp_headers", "OTEL_EXPORTER_OTLP_HEADERS", .traceHeaders, isSecret: true, example: .hint(""),
                "What each request to the collector brings along, such as `api-key=…,tenant=…`"),
            \.tracing.headers),
        .init(
            "tracing.serviceName",
            ConfigurationOption(
                "service_name", "OTEL_SERVICE_NAME",
                .text.refusing("") { field, name, check in check(field, !name.isEmpty, expected: "a name") },
                default: "sluice", example: .hint("sluice"),
                "The attribute `service.name` of all spans"),
            \.tracing.serviceName),
        .init(
            "tracing.resource",
            ConfigurationOption(
                "resource_attributes", "OTEL_RESOURCE_ATTRIBUTES", .traceResource,
                "Further attributes, such as `deployment.environment.name=production,team=web`"),
            \.tracing.resource),
        .init(
            "tracing.sampler",
            ConfigurationOption(
                "traces_sampler", "OTEL_TRACES_SAMPLER", .choice(TraceSampler.allCases, named: \.rawValue),
                default: TraceSampler.parentBasedAlwaysOn.rawValue,
                "Which traces are kept; `parentbased_…` goes by the sender where there is one"),
            \.tracing.sampler),
        .init(
            "tracing.ratio",
            ConfigurationOption(
                "traces_sampler_ratio", "OTEL_TRACES_SAMPLER_ARG",
                .number(0...1).refusing(2) { field, ratio, check in check(field, ratio, in: 0...1) }, default: "1",
                "The share of the traces that are kept, for a sampler by ratio (`…traceidratio`)"),
            \.tracing.ratio),
    ]
}

extension OptionFormat where Value == String {
    /// An address to which a path is added.
    fileprivate static var collector: Self {
        Self("an address that begins with https:// or http://, without user, password, question mark or fragment") {
            isCollector($0) ? $0 : nil
        }.refusing("") { field, url, check in
            check(field, isCollector(url), expected: OptionFormat<String>.collector.expectation)
        }
    }

    private static func isCollector(_ url: String) -> Bool {
        WebAddress.isValid(url) && !url.utf8.contains(UInt8(ascii: "?"))
    }
}

extension OptionFormat where Value == TraceHeaders {
    fileprivate static var traceHeaders: Self {
        Self("headers such as name=value,name=value, with values percent-encoded where needed") { text in
            NamedTexts.parse(text).map(TraceHeaders.init).flatMap { $0.isWritable ? $0 : nil }
        }.refusing(TraceHeaders([("a b", "")])) { field, headers, check in
            check(field, headers.isWritable, expected: "names and values that HTTP can carry")
        }
    }
}

extension OptionFormat where Value == TraceResource {
    fileprivate static var traceResource: Self {
        Self("attributes such as name=value,name=value, with values percent-encoded where needed") { text in
            NamedTexts.parse(text).map(TraceResource.init)
        }
    }
}
