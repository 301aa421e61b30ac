import Foundation
import GatewayTestSupport
import Logging
import SluiceGateway
import Testing

struct DotEnvTests {
    @Test func readsWhatShellsWrite() {
        let text = """
            \u{FEFF}A=1
            # comment
               \t
            export B = two words \t# comment
            C='single # $x \\n'  # comment
            D="double # \\"q\\" \\\\ \\n\\t\\$x \\z"
            E=
            F=a#b=c
            G=#nothing
            H='it'\r
            A=last
            """
        let (values, problems) = DotEnv.parse(text)
        #expect(problems.isEmpty)
        #expect(
            values == [
                "A": "last", "B": "two words", "C": "single # $x \\n", "D": "double # \"q\" \\ \n\t$x \\z", "E": "",
                "F": "a#b=c", "G": "", "H": "it",
            ])
    }

    @Test func namesTheLineOfEachProblemAndNoValue() {
        let (values, problems) = DotEnv.parse("secret\nA=\"secret\n1B=secret\nB=ok\n=secret\nC='x'secret\nÄ=1\n")
        #expect(values == ["B": "ok"])
        #expect(
            problems.map { $0.prefix(11) } == [
                ".env line 1", ".env line 2", ".env line 3", ".env line 5", ".env line 6", ".env line 7",
            ])
        #expect(!problems.joined().contains("secret"))
    }

    @Test func readsAFileOrNothing() throws {
        let path = NSTemporaryDirectory() + "sluice-\(UUID().uuidString).env"
        #expect(try DotEnv.text(ofFile: path) == nil)
        try "A=ü\n".write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        #expect(try DotEnv.text(ofFile: path) == "A=ü\n")
        try Data([0x41, 0x3D, 0xFF]).write(to: URL(filePath: path))
        #expect(throws: EnvironmentError.self) { try DotEnv.text(ofFile: path) }
        #expect(throws: EnvironmentError.self) { try DotEnv.text(ofFile: NSTemporaryDirectory()) }
    }

    /// A file that other programs read too.
    @Test func linesForOtherProgramsDoNotKeepTheGatewayFromStarting() throws {
        let text = """
            export
            source ./more.env
            if true; then
            services:
              - web
            web: "x"
            my-app.level=3
            KEY="-----BEGIN KEY-----
            LOG=abc==
            -----END KEY-----"
            NAME='it's'
            OPEN="never closed
            export\tLOG_LEVEL=debug
            LOG_FORMAT=json
            [section]
            """
        let configuration = try GatewayConfiguration(environment: [:], dotEnv: text)
        #expect(configuration.logLevel == .debug && configuration.logFormat == .json)
        #expect(
            configuration.warnings.filter { $0.hasPrefix(".env") }
                == [".env line 1 and 9 more are not NAME=value and were skipped"])
    }

    @Test(arguments: [
        "GITHUB_WEBHOOK_SECRET: hidden", "GITHUB_WEBHOOK_SECRET hidden", "  - GITHUB_WEBHOOK_SECRET hidden",
        "export GITHUB_WEBHOOK_SECRET hidden", "set GITHUB_WEBHOOK_SECRET=hidden",
        "setenv GITHUB_WEBHOOK_SECRET hidden", "declare -x GITHUB_WEBHOOK_SECRET=hidden", "GITHUB_WEBHOOK_SECRET",
        "GITHUB_WEBHOOK_SECRET=\"hidden",
        "GITHUB_WEBHOOK_SECRET: 'hidden=x'", "GITHUB_WEBHOOK_SECRET='a'hidden", "GITHUB_WEBHOOK_SECRET=hidden\u{FFFD}",
        "OTHER=\"opens\nGITHUB_WEBHOOK_SECRET=\"hidden\n",
    ])
    func aLineOfOursMustBeRight(line: String) throws {
        let error = #expect(throws: EnvironmentError.self) {
            try GatewayConfiguration(environment: [:], dotEnv: line + "\n")
        }
        let problems = try #require(error).problems
        #expect(problems.allSatisfy { $0.hasPrefix(".env line ") && !$0.contains("hidden") })
    }

    @Test func bytesOfOtherProgramsNeedNotBeUTF8() throws {
        let path = NSTemporaryDirectory() + "sluice-\(UUID().uuidString).env"
        try Data(Array("# Gr".utf8) + [0xFC, 0xDF, 0x0A] + Array("LOG_LEVEL=debug\n".utf8)).write(
            to: URL(filePath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        let text = try DotEnv.text(ofFile: path, repairing: true)
        #expect(try GatewayConfiguration(environment: [:], dotEnv: text).logLevel == .debug)
    }

    @Test func quotesThatAreLeftAroundAValueDrawAWarning() throws {
        let configuration = try GatewayConfiguration(environment: [
            "GITHUB_WEBHOOK_SECRET": "\"hidden\"", "DEPLOYMENTS_TOKEN": "'hidden'",
        ])
        #expect(configuration.gitHub.secret?.reveal() == "\"hidden\"")
        #expect(configuration.warnings.count == 2)
        for (warning, name) in zip(configuration.warnings.sorted(), ["DEPLOYMENTS_TOKEN", "GITHUB_WEBHOOK_SECRET"]) {
            #expect(warning.hasPrefix("\(name) begins and ends with a quote") && !warning.contains("hidden"))
        }
        // Where quotes are part of no value, the problem names them.
        let error = #expect(throws: EnvironmentError.self) {
            try GatewayConfiguration(environment: ["SLACK_WEBHOOK_URL": "\"https://hooks.example/hidden\""])
        }
        #expect(try #require(error).problems.first?.hasSuffix("without the quotes around it") == true)
        // A file's quotes are taken away.
        #expect(try GatewayConfiguration(environment: [:], dotEnv: "DEPLOYMENTS_TOKEN=\"x\"\n").warnings == [])
    }
}
