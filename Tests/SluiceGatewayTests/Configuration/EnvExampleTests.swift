import Foundation
import SluiceGateway
import Testing

struct EnvExampleTests {
    @Test func namesEveryVariableAndIsValid() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let text = try String(contentsOf: root.appending(path: ".env-example"), encoding: .utf8)
        let configuration = try GatewayConfiguration(environment: [:], dotEnv: text)
        #expect(configuration.warnings.isEmpty)
        for variable in GatewayConfiguration.variables { #expect(text.contains("\(variable.name)=")) }
    }
}
