import Logging
import Sluice
import SluiceHTTP

extension TraceExporter {
    /// The exporter that the configuration asks for; nil where it names no collector.
    static func make(
        _ configuration: GatewayConfiguration, _ instruments: Instruments, logger: Logger
    ) throws -> TraceExporter? {
        guard let url = configuration.tracing.url else { return nil }
        var client = HTTPClient.Configuration()
        // The collector is reached as sinks are.
        client.proxy = configuration.sinkProxy
        client.additionalCertificates = configuration.sinkCertificates
        client.limit = 1
        return try ConfigurationError.naming([
            "HTTPClient.additionalCertificates": "GatewayConfiguration.sinkCertificates",
            "HTTPClient.proxy": "GatewayConfiguration.sinkProxy",
        ]) {
            TraceExporter(
                configuration.tracing, to: url, try HTTPClient(client), configuration.pace.tracing, instruments,
                logger: logger)
        }
    }
}

extension GatewayConfiguration.Tracing {
    /// Attributes of the process, each name once.
    var attributes: [(name: String, value: String)] {
        var entries = resource.entries.filter { $0.name != "service.name" }
        let named = resource.entries.last { $0.name == "service.name" }?.value
        let isDefault = serviceName == GatewayConfiguration.Tracing().serviceName
        entries.append(("service.name", isDefault ? named ?? serviceName : serviceName))
        entries += [
            ("service.version", SluiceVersion.text), ("telemetry.sdk.name", "sluice"),
            ("telemetry.sdk.language", "swift"), ("telemetry.sdk.version", SluiceVersion.text),
        ]
        var seen: Set<String> = []
        // What was set goes before what is known here.
        return entries.filter { seen.insert($0.name).inserted }
    }
}
