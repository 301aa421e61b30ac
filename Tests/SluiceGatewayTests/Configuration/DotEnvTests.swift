import Foundation
import GatewayTestSupport
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
}
