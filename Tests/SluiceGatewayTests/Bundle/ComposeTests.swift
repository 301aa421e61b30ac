import Foundation
import GatewayTestSupport
import Testing

@testable import SluiceGateway

@Suite(.enabled(if: ComposeFile.isReadable, "docker-compose is not installed"))
struct ComposeTests {
    private static func isPinned(_ image: String) -> Bool {
        // A name, then a version of three numbers at least.
        image.wholeMatch(of: /[a-z0-9.\/-]+:v?[0-9]+\.[0-9]+\.[0-9]+(-[a-z0-9.]+)?/) != nil
    }

    private static func seconds(_ text: String?) -> Int? {
        text.flatMap { $0.hasSuffix("s") ? Int($0.dropLast()) : nil }
    }

    @Test func everyServiceIsPinnedCheckedLimitedAndOnLoopback() async throws {
        let compose = try await ComposeFile.read()
        #expect(Set(compose.services.keys) == ["sluice", "kafka", "rabbitmq", "prometheus", "grafana"])
        for (name, service) in compose.services {
            #expect(service.build != nil || Self.isPinned(service.image), "\(name): \(service.image)")
            #expect(service.healthcheck.test.first == "CMD" || service.healthcheck.test.first == "CMD-SHELL", "\(name)")
            #expect(service.healthcheck.retries > 0, "\(name)")
            #expect(service.deploy.resources.limits.cpus > 0, "\(name)")
            #expect(!service.deploy.resources.limits.memory.isEmpty, "\(name)")
            #expect(service.restart == "unless-stopped", "\(name)")
            #expect(service.privileged != true && service.securityOpt.contains("no-new-privileges:true"), "\(name)")
            for port in service.ports { #expect(port.hasPrefix("127.0.0.1:"), "\(name): \(port)") }
            for (other, condition) in service.dependsOn ?? [:] {
                #expect(compose.services[other] != nil && condition.condition == "service_healthy", "\(name): \(other)")
            }
        }
    }

    @Test func whatIsMountedExists() async throws {
        let compose = try await ComposeFile.read()
        var used: Set<String> = []
        for (name, service) in compose.services {
            for volume in service.volumes {
                let source = try #require(volume.split(separator: ":").first.map(String.init))
                if source.hasPrefix("/") {
                    #expect(FileManager.default.fileExists(atPath: source), "\(name): \(volume)")
                    #expect(volume.hasSuffix(":ro"), "\(name): \(volume)")
                } else {
                    #expect(compose.volumes[source] != nil, "\(name): \(volume)")
                    used.insert(source)
                }
            }
        }
        #expect(used == Set(compose.volumes.keys))
    }

    @Test func theGatewayUnderstandsItsEnvironment() async throws {
        for dotEnv in ["", try String(contentsOf: Repository.file(".env-example"), encoding: .utf8)] {
            let compose = try await ComposeFile.read(dotEnv: dotEnv)
            let sluice = try #require(compose.services["sluice"])
            var environment = try Dockerfile.read().environment
            environment.merge(try #require(sluice.environment)) { $1 }
            let configuration = try GatewayConfiguration(environment: environment)
            #expect(configuration.warnings.isEmpty)
            #expect(Set(environment.keys).isSubset(of: GatewayConfiguration.variables.map(\.name)))
            let grafana = try #require(compose.services["grafana"]?.environment)
            let password = Secret(try #require(grafana["GF_SECURITY_ADMIN_PASSWORD"]))
            #expect(configuration.grafana?.url == "http://grafana:3000")
            #expect(configuration.grafana?.credentials == .basic(user: "admin", password: password))
            #expect(configuration.simulator != nil)
            // One broker has one replica.
            #expect(configuration.kafka?.replication == 1 && configuration.deployments.amqp != nil)
            #expect(configuration.slack == nil && configuration.gitHub.secret == nil)
            let grace = try #require(Self.seconds(sluice.stopGracePeriod))
            #expect(.seconds(grace) > configuration.shutdownTimeout)
            #expect(sluice.ports.contains("127.0.0.1:\(configuration.bindAddress.port):8080/tcp"))
        }
    }

    @Test func aDotEnvReachesTheGateway() async throws {
        let dotEnv = """
            SLACK_WEBHOOK_URL=https://hooks.slack.com/services/T/B/x
            GITHUB_WEBHOOK_SECRET=word
            DEPLOYMENTS_TOKEN=token
            SLUICE_ALLOW_UNSIGNED=false
            GF_SECURITY_ADMIN_PASSWORD=other
            RABBITMQ_DEFAULT_PASS=rabbit

            """
        let compose = try await ComposeFile.read(dotEnv: dotEnv)
        var environment = try Dockerfile.read().environment
        environment.merge(try #require(compose.services["sluice"]?.environment)) { $1 }
        let configuration = try GatewayConfiguration(environment: environment)
        #expect(configuration.slack?.webhook == Secret("https://hooks.slack.com/services/T/B/x"))
        #expect(configuration.gitHub.secret == Secret("word") && configuration.deployments.token == Secret("token"))
        #expect(configuration.grafana?.credentials == .basic(user: "admin", password: Secret("other")))
        #expect(environment["AMQP_URI"] == "amqp://sluice:rabbit@rabbitmq:5672")
        #expect(compose.services["rabbitmq"]?.environment?["RABBITMQ_DEFAULT_PASS"] == "rabbit")
        #expect(compose.services["grafana"]?.environment?["GF_SECURITY_ADMIN_PASSWORD"] == "other")
    }

    @Test func thePartsKnowEachOther() async throws {
        let compose = try await ComposeFile.read()
        let prometheus = try String(contentsOf: Repository.file("prometheus/prometheus.yml"), encoding: .utf8)
        #expect(prometheus.contains("\"sluice:8081\""))
        let command = try #require(compose.services["prometheus"]?.command)
        #expect(command.contains("--enable-feature=exemplar-storage"))
        #expect(command.contains("--config.file=/etc/prometheus/prometheus.yml"))
        let grafana = try #require(compose.services["grafana"])
        let folder = Repository.file("dashboards").path
        #expect(grafana.volumes.contains("\(folder):/var/lib/grafana/dashboards:ro"))
        let provider = try String(
            contentsOf: Repository.file("dashboards/provisioning/dashboards/sluice.yml"), encoding: .utf8)
        #expect(provider.contains("path: /var/lib/grafana/dashboards\n"))
        let source = try String(
            contentsOf: Repository.file("dashboards/provisioning/datasources/sluice.yml"), encoding: .utf8)
        #expect(source.contains("url: http://prometheus:9090\n"))
        let home = try #require(grafana.environment?["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
        let name = try #require(home.split(separator: "/").last)
        #expect(FileBundle.dashboards.files.contains { $0.path == name })
    }
}
