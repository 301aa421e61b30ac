import Foundation
import GatewayTestSupport
import Sluice
import SluiceGateway
import SluiceTesting
import Testing

/// How a program of its own ends, without a crash.
@Suite(.timeLimit(.minutes(10)))
struct ExitOnErrorTests {
    @Test func aFaultyConfigurationIsALineAndStatus78() async throws {
        let result = await #expect(processExitsWith: .exitCode(78), observing: [\.standardErrorContent]) {
            await ExitStatus.exitOnError {
                throw ConfigurationError("Mine.capacity", expected: "at least 1", value: "0")
            }
        }
        let said = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(said == "error: Mine.capacity: expected at least 1, not 0\n")
    }

    @Test func aPortThatIsTakenIsALineAndStatus1() async throws {
        let taken = try TestHTTPServer { _ in .status(503) }
        defer { taken.stop() }
        let (port, directory) = (taken.port, try TemporaryDirectory())
        let result = await #expect(processExitsWith: .exitCode(1), observing: [\.standardErrorContent]) {
            [port = port as UInt16, path = directory.path as String] in
            await ExitStatus.exitOnError {
                var configuration = GatewayConfiguration()
                configuration.dataDirectory = path + "/data"
                configuration.bindAddress = BindAddress(host: "127.0.0.1", port: 0)
                configuration.metricsBindAddress = BindAddress(host: "127.0.0.1", port: port)
                try await Gateway(configuration).run()
            }
        }
        let said = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        let lines = said.split(separator: "\n").filter { $0.hasPrefix("error: ") }
        #expect(lines == ["error: cannot listen on 127.0.0.1:\(port): Address already in use"], "\(said)")
        #expect(!said.contains("Fatal error"))
    }

    @Test func whatEndsWellGoesOn() async {
        await #expect(processExitsWith: .exitCode(7)) {
            await ExitStatus.exitOnError {}
            exit(7)
        }
    }
}
