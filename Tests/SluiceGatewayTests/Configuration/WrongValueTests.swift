import GatewayTestSupport
import Sluice
import SluiceHTTP
import SluiceKafka
import SluiceTesting
import Testing

@testable import SluiceGateway

/// What is wrong with a configuration that a program makes is named as the program knows it, and all at once.
struct WrongValueTests {
    private func standard(in directory: TemporaryDirectory) -> GatewayConfiguration {
        var configuration = testConfiguration(in: directory, grafana: nil, slack: nil)
        configuration.kafka = .init(KafkaConfiguration(brokers: ["127.0.0.1:1"]))
        configuration.simulator = .init()
        configuration.sinks = [ConfiguredSink("console", ConsoleSink())]
        configuration.sources = [ConfiguredSource("github", GitHubSource())]
        return configuration
    }

    @Test func everyFieldThatCanBeWrongIsNamed() throws {
        // Settings say themselves what they refuse.
        let settings = GatewayConfiguration.settings.compactMap { setting in
            setting.spoil.map { spoil in WrongValue<GatewayConfiguration>(setting.field) { spoil(&$0) } }
        }
        let others: [WrongValue<GatewayConfiguration>] = [
            .init("metricsBindAddress") { configuration in
                configuration.bindAddress.port = 8_080
                configuration.metricsBindAddress = configuration.bindAddress
            },
            .init("simulator.stagingDelay") { $0.simulator?.stagingDelay = .seconds(-1) },
            .init("kafka.topic") { $0.kafka?.topic = "a b" },
            .init("simulator.productionDelay") { $0.simulator?.productionDelay = .seconds(-1) },
            .init("kafka.group") { $0.kafka?.group = "" }, .init("kafka.partitions") { $0.kafka?.partitions = 0 },
            .init("kafka.replication") { $0.kafka?.replication = 0 },
        ]
        #expect(settings.count >= 7)
        let free = Set(GatewayConfiguration.settings.filter { $0.spoil == nil }.map(\.field))
            .union(["sources", "sinks", "sinkProxy", "warnings", "pace", "destinations", "policies", "written"])
        let configuration = standard(in: try TemporaryDirectory())
        #expect(
            WrongValue.problems(
                with: settings + others, in: configuration, of: "GatewayConfiguration", free: free
            ) {
                try $0.validate()
            } == [])
    }

    @Test func theGatewayItselfRefusesThem() throws {
        var configuration = standard(in: try TemporaryDirectory())
        configuration.httpIdleTimeout = .zero
        configuration.kafka = nil
        configuration.retention = .zero
        let error = #expect(throws: ConfigurationError.self) {
            try Gateway(
                configuration,
                sinks: [ConfiguredSink("bad name", ConsoleSink()), ConfiguredSink("a/b", ConsoleSink())],
                sources: [ConfiguredSource("x y\n", DeploymentsSource())])
        }
        #expect(
            error?.problems.map(\.field) == [
                "GatewayConfiguration.httpIdleTimeout", "GatewayConfiguration.retention", "sources[1]", "sinks[1]",
                "sinks[2]",
            ])
        let values = error?.problems.suffix(3).map(\.value)
        #expect(values == ["\"x y\u{FFFD}\"", "\"bad name\"", "\"a/b\""])
    }

    @Test func aSinksOwnNumbersAreNamedByTheSink() throws {
        var configuration = standard(in: try TemporaryDirectory())
        configuration.sinks = [
            ConfiguredSink("slow", ConsoleSink()), ConfiguredSink("own", ConsoleSink()),
        ]
        configuration.sinks[0].throttle = Throttle(rate: 0, burst: 0)
        configuration.sinks[1].ordering = .unordered(limit: 0)
        let error = #expect(throws: ConfigurationError.self) { try configuration.validate() }
        #expect(
            error?.problems.map(\.field)
                == ["sinks.slow.throttle.rate", "sinks.slow.throttle.burst", "sinks.own.ordering"])
    }

    /// What the gateway's parts look at has the names of its own configuration too.
    @Test func whatThePartsRefuseHasTheGatewaysNames() throws {
        let changes: [(field: String, change: (inout GatewayConfiguration) -> Void)] = [
            ("sinkCertificates", { $0.sinkCertificates = "/nowhere.pem" }),
            ("sinkProxy", { $0.sinkProxy = .environment(["all_proxy": "http://a\nb"]) }),
            ("bindAddress", { $0.bindAddress.host = "" }), ("metricsBindAddress", { $0.metricsBindAddress.host = "" }),
        ]
        for (field, change) in changes {
            var configuration = standard(in: try TemporaryDirectory())
            configuration.kafka = nil
            change(&configuration)
            let error = #expect(throws: ConfigurationError.self) { try Gateway(configuration) }
            #expect(error?.field == "GatewayConfiguration.\(field)")
        }
    }
}
