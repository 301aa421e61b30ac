import Foundation
import GatewayTestSupport
import SluiceTesting
import Testing

@testable import SluiceGateway

/// What is wrong with a file is said where it is wrong, all at once, and shows no secret.
struct WrongFilesTests {
    @Test(arguments: Wrong.files)
    func saysWhatIsWrongAndWhere(wrong: Wrong) throws {
        let file = try FileForTests(wrong.text, others: ["big": String(repeating: "x", count: 70_000), "empty": "\n"])
        try file.write([0xE9, 0xFF], to: "latin")
        #expect(file.faults() == wrong.faults)
    }

    @Test func tellsEverythingAtOnce() throws {
        let file = try FileForTests(
            """
            process: {log_level: loud}
            sorces: {}
            destinations:
              chat: {breaker: {open: {from: 5s, to: 1s}}}
            sinks:
              chat:
                kind: slack
                webhook: ${MISSING}
                retry: {attempts: none}
                only: [{event: [commitPulled, commitPushed, deployed]}]
            """)
        #expect(
            file.faults() == [
                "1:22: expected one of trace, debug, info, notice, warning, error, critical",
                "2:1: the key sorces is not known here: was sources meant?",
                "4:26: expected `to` to be at least `from`",
                "8:14: the variable MISSING is not set: set it, or write ${MISSING:-default}",
                "9:23: expected a whole number, from 1",
                "10:21: expected commitPushed, commitDeployed, deploymentFailed, incidentOpened or incidentResolved: was commitPushed meant?",
                "10:49: expected commitPushed, commitDeployed, deploymentFailed, incidentOpened or incidentResolved",
            ])
    }

    @Test func refusesWhatIsNoText() throws {
        let file = try FileForTests("")
        try file.write([0x61, 0x3A, 0x20, 0xFF])
        #expect(file.faults() == ["1:4: expected text in UTF-8"])
        try file.write(Array("sinks:\n  é".utf8) + [0xE9] + Array(": {}\n".utf8))
        #expect(file.faults() == ["2:4: expected text in UTF-8"])
        try file.write([0xFF, 0xFE, 0x73, 0x00])
        #expect(file.faults() == ["1:1: expected text in UTF-8, not in UTF-16"])
        try file.write("#" + String(repeating: "x", count: 1 << 20))
        #expect(file.faults() == ["1:1: expected at most 1 MiB"])
        try FileManager.default.removeItem(atPath: file.path)
        #expect(file.faults() == ["1:1: there is no such file"])
    }

    @Test func refusesWhatIsNoFile() throws {
        let file = try FileForTests("sinks: {}\n")
        try FileManager.default.createDirectory(
            atPath: "\(file.directory.path)/more.yaml", withIntermediateDirectories: false)
        #expect(
            file.faults(whole: true) == [
                "1:1: expected a file, not a directory: directories in a directory are not read"
            ])
        try FileManager.default.removeItem(atPath: file.path)
        guard mkfifo(file.path, 0o600) == 0 else { throw TestFailure("cannot make a pipe") }
        #expect(file.faults() == ["1:1: expected a file or a directory, not a pipe or a device"])
        let named = try FileForTests("process: {metrics_token: \"${file:pipe}\"}\n")
        guard mkfifo("\(named.directory.path)/pipe", 0o600) == 0 else { throw TestFailure("cannot make a pipe") }
        #expect(named.faults() == ["1:26: the file pipe is a pipe or a device, and no file"])
    }

    /// As shells have it. Where no such variable is set, it is a text like others.
    @Test func aVariableNeedsBraces() throws {
        let file = try FileForTests("sources:\n  github: {kind: github, secret: $HOOK}\n")
        #expect(file.faults(["HOOK": "x"]) == ["2:34: a variable needs braces: write ${HOOK}"])
        #expect(file.faults() == [])
    }

    /// All that YAML ever took for booleans.
    @Test func switchesAreWrittenInManyWays() throws {
        func read(_ word: String) throws -> [String: EffectiveValue] {
            try FileForTests(
                """
                process: {allow_unsigned: \(word)}
                destinations: {a: {breaker: \(word), budget: \(word), concurrency: \(word)}}
                sinks: {a: {kind: http, url: "https://x.example/{{repository}}", allow_private: \(word)}}
                """
            ).read().inForce
        }
        for word in ["true", "on", "yes", "Yes", "ON"] {
            let values = try read(word)
            #expect(values["destinations.a.breaker.probes"]?.text == "1", "\(word)")
            #expect(values["destinations.a.concurrency.limit"]?.text == "4", "\(word)")
            #expect(values["sinks.a.allow_private"]?.text == "true", "\(word)")
        }
        for word in ["false", "off", "no", "No", "OFF"] {
            let values = try read(word)
            #expect(values["destinations.a.breaker"]?.text == "off", "\(word)")
            #expect(values["destinations.a.budget"]?.text == "off", "\(word)")
            #expect(values["sinks.a.allow_private"]?.text == "false", "\(word)")
            let off = try FileForTests(
                "destinations: {a: {throttle: \(word)}}\nsinks: {a: {kind: slack, webhook: \"https://x.example\"}}\n")
            #expect(try off.read().inForce["destinations.a.throttle"]?.text == "off", "\(word)")
        }
    }

    @Test func takesAByteOrderMarkAndLinesOfWindows() throws {
        let file = try FileForTests("\u{FEFF}process:\r\n  log_level: debug\r\n")
        #expect(try file.read().inForce["process.log_level"]?.text == "debug")
    }

    @Test func aKeyOfAHundredKilobytesIsNotRepeated() throws {
        let long = String(repeating: "k", count: 100_000)
        for text in ["\(long): 1\n", "sinks:\n  \(long): {}\n", "\(long): 1\n\(long): 2\n"] {
            let faults = try FileForTests(text).faults()
            #expect(!faults.isEmpty && faults.allSatisfy { $0.utf8.count < 1_000 })
        }
    }

    @Test func noFaultSendsControlCharactersToATerminal() throws {
        for text in ["\"\\u001b[31m\": 1\n", "\"\\u001b\": 1\n\"\\u001b\": 2\n", "sinks:\n  \"a\\u001b\": {}\n"] {
            let faults = try FileForTests(text).faults()
            #expect(!faults.isEmpty && faults.allSatisfy { !$0.contains("\u{1B}") })
        }
    }

    // MARK: Secrets

    private static let marker = "mArKeR7"

    /// A file that has everything, right, with the marker in each secret.
    private static let full = """
        sources:
          github: {kind: github, secret: mArKeR7-of-github}
          deploys:
            kind: deployments
            token: mArKeR7-of-deployments
            amqp: {uri: "amqp://user:mArKeR7@localhost:5672/"}
        process: {metrics_token: mArKeR7-of-metrics}
        queue:
          kind: kafka
          brokers: ["localhost:9092"]
          username: sluice
          password: mArKeR7-of-kafka
          properties: {ssl.key.password: mArKeR7}
        sinks:
          grafana: {kind: grafana, url: "https://g.example.org", token: mArKeR7-of-grafana}
          second: {kind: grafana, url: "https://g.example.org", credentials: "admin:mArKeR7"}
          chat: {kind: slack, webhook: "https://hooks.slack.com/services/mArKeR7"}
          other:
            kind: http
            url: https://example.org/mArKeR7
            headers:
              Authorization: Bearer mArKeR7
              X-Other: "${TOKEN}"
          pager: {kind: http, preset: pagerduty, routing_key: mArKeR7}
        """

    @Test func noSecretIsShownOfAFileThatIsRight() throws {
        let file = try FileForTests(Self.full)
        let configuration = try file.read(["TOKEN": "mArKeR7-of-a-variable"])
        var dumped = ""
        dump(configuration, to: &dumped)
        let shown = [
            configuration.effectiveText, configuration.summary, configuration.allWarnings.joined(), dumped,
            "\(configuration)", String(reflecting: configuration),
        ]
        for text in shown { #expect(!text.contains(Self.marker)) }
        #expect(configuration.effectiveText.contains("${TOKEN}"))
        #expect(configuration.effectiveText.contains("***"))
        // What would change shows none either.
        try file.write(Self.full.replacing("mArKeR7", with: "mArKeR7-anew"))
        let after = EffectiveConfiguration(try file.read(["TOKEN": "mArKeR7-anew"])).values
        let changes = ConfigurationChange.between(EffectiveConfiguration(configuration).values, after)
        #expect(changes.count >= 10, "\(changes.map(\.name))")
        for change in changes {
            #expect(!change.words.contains(Self.marker))
            #expect(!String(decoding: change.json, as: UTF8.self).contains(Self.marker))
        }
    }

    /// The file is broken in the middle of lines, where a secret may become a key, the end of a text, or a line of its own.
    @Test func noSecretIsShownOfAFileThatIsWrong() throws {
        let bytes = Array(Self.full.utf8)
        let marks = [UInt8(ascii: "\n"), UInt8(ascii: "\""), UInt8(ascii: "{"), UInt8(ascii: "'"), UInt8(ascii: "}")]
        let file = try FileForTests("")
        for place in stride(from: 0, to: bytes.count, by: 3) {
            var text = bytes
            switch place % 4 {
            case 0: text.remove(at: place)
            case 1: text[place] = marks[place % marks.count]
            case 2: text.insert(marks[place % marks.count], at: place)
            default: text.removeSubrange(place..<min(place + 9, text.count))
            }
            try file.write(text)
            do {
                _ = try file.read(["TOKEN": "mArKeR7"])
            } catch {
                #expect(!"\(error)".contains(Self.marker), "at \(place): \(error)")
            }
        }
    }

    @Test func aSecretOnALineOfItsOwnIsNotShown() throws {
        let file = try FileForTests(
            "sinks:\n  chat:\n    kind: slack\n    webhook: \"https://mArKeR7:\n      mArKeR7: 5\n")
        let error = #expect(throws: FileFaults.self) { try file.read() }
        #expect(!"\(error.map { "\($0)" } ?? "")".contains("https"))
    }
}
