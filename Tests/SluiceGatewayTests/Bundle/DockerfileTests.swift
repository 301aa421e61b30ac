import Foundation
import Testing

@testable import SluiceGateway

@Suite struct DockerfileTests {
    @Test func buildsWithThePackagesOfTheMakefile() throws {
        let makefile = try String(contentsOf: Repository.file("Makefile"), encoding: .utf8)
        let line = try #require(makefile.split(separator: "\n").first { $0.hasPrefix("BUILD_PACKAGES") })
        let packages = line.split(separator: " ").drop { $0 != "=" }.dropFirst().map(String.init)
        #expect(try Dockerfile.read().packages.first.map(Set.init) == Set(packages))
    }

    @Test func isPinnedAndRunsWithoutPrivileges() throws {
        let file = try Dockerfile.read()
        let images = file.all("FROM")
        #expect(images.count == 2)
        #expect(images.allSatisfy { $0.contains(/^(swift|debian):[0-9]+\.[0-9]+/) && !$0.contains("latest") })
        #expect(file.all("USER") == ["10001:10001"])
        #expect(file.all("HEALTHCHECK").first?.hasSuffix(#"CMD ["sluice", "health"]"#) == true)
        #expect(file.all("ENTRYPOINT") == [#"["sluice"]"#] && file.all("CMD") == [#"["run"]"#])
        #expect(file.all("STOPSIGNAL") == ["SIGTERM"])
    }

    @Test func itsEnvironmentListensWhereItExposesAndKeepsItsDataInTheVolume() throws {
        let file = try Dockerfile.read()
        var environment = file.environment
        // On all interfaces it wants secrets.
        #expect(throws: EnvironmentError.self) { try GatewayConfiguration(environment: environment) }
        environment["SLUICE_ALLOW_UNSIGNED"] = "true"
        let configuration = try GatewayConfiguration(environment: environment)
        #expect(
            file.all("EXPOSE") == ["\(configuration.bindAddress.port) \(configuration.metricsBindAddress.port)"])
        #expect(file.all("VOLUME") == [configuration.dataDirectory])
    }

    @Test func whatIsBuiltFromGoesIntoTheBuildAndSecretsDoNot() throws {
        let lines = try String(contentsOf: Repository.file(".dockerignore"), encoding: .utf8).split(separator: "\n")
        // Nothing but what is named.
        #expect(lines.first { !$0.hasPrefix("#") } == "*")
        let named = Set(lines.filter { $0.hasPrefix("!") }.map { String($0.dropFirst()) })
        #expect(named == ["Package.swift", "Package.resolved", "Sources", "Tests", "dashboards", "prometheus"])
    }
}
