import GatewayTestSupport
import Logging
import SluiceGateway
import Testing

struct GatewayConfigurationTests {
    private func problems(_ environment: [String: String], dotEnv: String? = nil) throws -> [String] {
        let error = #expect(throws: EnvironmentError.self) {
            try GatewayConfiguration(environment: environment, dotEnv: dotEnv)
        }
        return try #require(error).problems
    }

    @Test func runsWithoutAnySetting() throws {
        let configuration = try GatewayConfiguration(environment: ["PATH": "/bin", "GRAFANA_URL": "", "LOG_LEVEL": ""])
        #expect(configuration.bindAddress.description == "127.0.0.1:8080")
        #expect(configuration.metricsBindAddress.description == "127.0.0.1:8081")
        #expect(configuration.dataDirectory == "./sluice-data")
        #expect(configuration.grafana == nil && configuration.slack == nil && configuration.simulator == nil)
        #expect(configuration.gitHub.secret == nil && configuration.deployments.token == nil)
        #expect(configuration.logLevel == .info && configuration.logFormat == .text)
        #expect(configuration.shutdownTimeout == .seconds(20))
        #expect(configuration.warnings.isEmpty)
    }

    @Test func takesTheValuesOfVariables() throws {
        let configuration = try GatewayConfiguration(environment: [
            "BIND_ADDR": ":9000", "METRICS_BIND_ADDR": "[::1]:9001", "SLUICE_DATA": "/var/lib/sluice",
            "GITHUB_WEBHOOK_SECRET": "s p", "DEPLOYMENTS_TOKEN": "t", "GRAFANA_URL": "https://grafana.example.org/sub/",
            "GRAFANA_CREDENTIALS": "admin:a:b", "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T/B/x",
            "SIMULATE_DEPLOYMENTS": "TRUE", "SIMULATE_STAGING_DELAY": "1.5", "SIMULATE_PRODUCTION_DELAY": "0",
            "LOG_LEVEL": "DEBUG", "LOG_FORMAT": "json", "SHUTDOWN_TIMEOUT": "5", "SLUICE_ALLOW_UNSIGNED": "no",
            "METRICS_TOKEN": "m", "HTTP_IDLE_TIMEOUT": "620",
        ])
        #expect(configuration.bindAddress == BindAddress(host: nil, port: 9000))
        #expect(configuration.metricsBindAddress == BindAddress(host: "::1", port: 9001))
        #expect(configuration.dataDirectory == "/var/lib/sluice")
        #expect(configuration.gitHub.secret?.reveal() == "s p")
        #expect(configuration.metricsToken?.reveal() == "m" && !configuration.allowsUnsigned)
        #expect(configuration.httpIdleTimeout == .seconds(620))
        #expect(configuration.deployments.token?.reveal() == "t")
        #expect(
            configuration.grafana
                == .init(
                    url: "https://grafana.example.org/sub", credentials: .basic(user: "admin", password: Secret("a:b")))
        )
        #expect(configuration.slack?.webhook.reveal() == "https://hooks.slack.com/services/T/B/x")
        #expect(configuration.simulator?.stagingDelay == .milliseconds(1_500))
        #expect(configuration.simulator?.productionDelay == .zero)
        #expect(configuration.logLevel == .debug && configuration.logFormat == .json)
        #expect(configuration.shutdownTimeout == .seconds(5))
        #expect(configuration.warnings.isEmpty)
    }

    @Test func letsTheEnvironmentWinOverTheFile() throws {
        let configuration = try GatewayConfiguration(
            environment: ["LOG_LEVEL": "error", "LOG_FORMAT": ""], dotEnv: "LOG_LEVEL=trace\nLOG_FORMAT=json\n")
        #expect(configuration.logLevel == .error && configuration.logFormat == .json)
    }

    @Test func reportsAllProblemsAtOnceAndNoSecret() throws {
        let problems = try problems(
            [
                "BIND_ADDR": "hidden", "METRICS_BIND_ADDR": "hidden", "DEPLOYMENTS_TOKEN": "hid\nden",
                "GRAFANA_URL": "ftp://hidden", "GRAFANA_CREDENTIALS": "hidden", "SLACK_WEBHOOK_URL": "hidden",
                "SIMULATE_DEPLOYMENTS": "hidden", "SIMULATE_STAGING_DELAY": "-1", "SIMULATE_PRODUCTION_DELAY": "1e3",
                "LOG_LEVEL": "hidden", "LOG_FORMAT": "hidden", "SHUTDOWN_TIMEOUT": "nan",
                "SLUICE_ALLOW_UNSIGNED": "hidden",
            ], dotEnv: "hidden\n")
        let names = problems.map { String($0.prefix { $0 != ":" }) }
        #expect(
            Set(names) == [
                ".env line 1", "BIND_ADDR", "METRICS_BIND_ADDR", "DEPLOYMENTS_TOKEN", "GRAFANA_URL",
                "GRAFANA_CREDENTIALS",
                "SLACK_WEBHOOK_URL", "SIMULATE_DEPLOYMENTS", "SIMULATE_STAGING_DELAY", "SIMULATE_PRODUCTION_DELAY",
                "LOG_LEVEL", "LOG_FORMAT", "SHUTDOWN_TIMEOUT", "SLUICE_ALLOW_UNSIGNED",
            ])
        #expect(names.count == Set(names).count)
        #expect(problems.allSatisfy { $0.contains("expected") && !$0.contains("\n") && !$0.contains("hid") })
    }

    @Test(arguments: [":8080", "0.0.0.0:8080", "192.168.0.1:8080", "example.org:8080", "[::]:8080"])
    func refusesToListenBeyondLoopbackUnsigned(address: String) throws {
        let both = try problems(["BIND_ADDR": address])
        #expect(both.map { $0.prefix { $0 != ":" } } == ["GITHUB_WEBHOOK_SECRET", "DEPLOYMENTS_TOKEN"])
        let one = try problems(["BIND_ADDR": address, "GITHUB_WEBHOOK_SECRET": "s"])
        #expect(one.map { $0.prefix { $0 != ":" } } == ["DEPLOYMENTS_TOKEN"])
        _ = try GatewayConfiguration(environment: ["BIND_ADDR": address, "SLUICE_ALLOW_UNSIGNED": "true"])
        _ = try GatewayConfiguration(
            environment: ["BIND_ADDR": address, "GITHUB_WEBHOOK_SECRET": "s", "DEPLOYMENTS_TOKEN": "t"])
    }

    @Test func refusesTwoListenersOnOnePort() throws {
        #expect(try problems(["METRICS_BIND_ADDR": "127.0.0.1:8080"]).count == 1)
        #expect(try problems(["METRICS_BIND_ADDR": ":8080"]).count == 1)
        _ = try GatewayConfiguration(environment: ["BIND_ADDR": "127.0.0.1:0", "METRICS_BIND_ADDR": "127.0.0.1:0"])
    }

    @Test(arguments: [
        ["GRAFANA_URL": "http://g"], ["GRAFANA_URL": "http://g", "GRAFANA_TOKEN": "t", "GRAFANA_CREDENTIALS": "a:b"],
        ["GRAFANA_URL": "http://u:p@g", "GRAFANA_TOKEN": "t"], ["GRAFANA_URL": "http://", "GRAFANA_TOKEN": "t"],
        ["GRAFANA_URL": "http://g:99999", "GRAFANA_TOKEN": "t"], ["GRAFANA_URL": "http://g/?x", "GRAFANA_TOKEN": "t"],
        ["GRAFANA_URL": "http://g", "GRAFANA_CREDENTIALS": ":p"], ["GRAFANA_URL": "http://g", "GRAFANA_TOKEN": "a b"],
        ["GRAFANA_URL": "http://g h", "GRAFANA_TOKEN": "t"],
    ])
    func refusesAGrafanaThatCannotBeReached(environment: [String: String]) throws {
        #expect(try problems(environment).count == 1)
    }

    @Test func warnsOfWhatLooksLikeATypo() throws {
        let configuration = try GatewayConfiguration(
            environment: ["SLUICE_DATE": "x", "SLUICE_OTHER_THING": "x", "GITHUB_WEBHOOK_SECRETS": "x", "HOME": "x"],
            dotEnv: "LOG_LEVLE=debug\nCOMPOSE_PROJECT_NAME=x\n")
        #expect(
            configuration.warnings == [
                "LOG_LEVLE is not a variable of Sluice: was LOG_LEVEL meant?",
                "SLUICE_DATE is not a variable of Sluice: was SLUICE_DATA meant?",
                "SLUICE_OTHER_THING is not a variable of Sluice",
            ])
    }

    @Test func showsNoSecretByAccident() throws {
        let configuration = try GatewayConfiguration(environment: [
            "GITHUB_WEBHOOK_SECRET": "hidden", "DEPLOYMENTS_TOKEN": "hidden", "GRAFANA_URL": "http://g",
            "GRAFANA_CREDENTIALS": "admin:hidden", "SLACK_WEBHOOK_URL": "https://hooks.slack.com/hidden",
        ])
        var dumped = ""
        dump(configuration, to: &dumped)
        #expect(!"\(configuration) \(String(reflecting: configuration)) \(dumped)".contains("hidden"))
    }

    @Test func documentsEveryVariableWithItsRealDefault() throws {
        let names = GatewayConfiguration.variables.map(\.name)
        #expect(Set(names).count == names.count)
        let defaults = Dictionary(
            uniqueKeysWithValues: GatewayConfiguration.variables.compactMap { variable in
                variable.defaultValue.map { (variable.name, $0) }
            })
        let configuration = try GatewayConfiguration(environment: defaults)
        #expect("\(configuration)" == "\(try GatewayConfiguration(environment: [:]))")
        for name in names {
            #expect(GatewayDocuments.variables.contains("| `\(name)` |"))
            #expect(GatewayDocuments.helpText.contains("  \(name) "))
        }
        #expect(GatewayConfiguration.Simulator().stagingDelay == .seconds(30))
    }
}
