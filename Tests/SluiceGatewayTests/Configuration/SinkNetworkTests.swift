import Foundation
import GatewayTestSupport
import SluiceHTTP
import Testing

@testable import SluiceGateway

struct SinkNetworkTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func problems(_ contents: String?) throws -> [String] {
        let path = directory.path + "/ca.pem"
        if let contents { try Data(contents.utf8).write(to: URL(fileURLWithPath: path)) }
        do {
            let configuration = try GatewayConfiguration(environment: ["SINKS_TLS_CA": path])
            #expect(configuration.sinkCertificates == path)
            return []
        } catch {
            return error.problems
        }
    }

    private static func pem(_ der: [UInt8]) -> String {
        "-----BEGIN CERTIFICATE-----\n\(Data(der).base64EncodedString())\n-----END CERTIFICATE-----\n"
    }

    @Test func aFileOfCertificatesIsReadAtStart() throws {
        #expect(try problems(nil) == ["SINKS_TLS_CA: expected a file that can be read"])
        let whole: [UInt8] = [0x30, 0x82, 0x01, 0x00] + [UInt8](repeating: 0, count: 256)
        #expect(try problems("# the company's\n" + Self.pem(whole) + Self.pem(whole)).isEmpty)
        for contents in [
            "", "nonsense", Self.pem([]), Self.pem(whole.dropLast()), Self.pem(whole) + Self.pem([1, 2, 3, 4, 5]),
            "-----BEGIN CERTIFICATE-----\n", String(Self.pem(whole).dropLast(40)),
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        ] {
            #expect(try problems(contents) == ["SINKS_TLS_CA: expected a file of certificates in PEM format"])
        }
    }

    @Test func proxiesComeFromTheEnvironmentAndFromTheFile() throws {
        #expect(try !GatewayConfiguration(environment: [:]).sinkProxy.isUsed)
        #expect(try GatewayConfiguration(environment: ["HTTPS_PROXY": "http://p:1"]).sinkProxy.isUsed)
        #expect(try GatewayConfiguration(environment: [:], dotEnv: "https_proxy=http://p:1\n").sinkProxy.isUsed)
        #expect(try !GatewayConfiguration(environment: ["HTTP_PROXY": "http://p:1"]).sinkProxy.isUsed)
    }
}
