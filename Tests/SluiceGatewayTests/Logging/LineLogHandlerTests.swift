import Foundation
import GatewayTestSupport
import Logging
import SluiceGateway
import Synchronization
import Testing

struct LineLogHandlerTests {
    private struct Failure: Error, CustomStringConvertible {
        var description: String { "it \"broke\"\nbadly" }
    }

    /// What `body` logs, and the levels that were counted.
    private func logged(
        _ format: LogFormat, level: Logger.Level = .info, _ body: (inout Logger) -> Void
    ) throws -> (text: String, levels: [Logger.Level]) {
        let pipe = Pipe()
        let levels = Mutex<[Logger.Level]>([])
        var observer = LogOutput.Observer()
        observer.line = { level in levels.withLock { $0.append(level) } }
        let output = LogOutput(
            descriptor: pipe.fileHandleForWriting.fileDescriptor, format: format, observer: observer)
        var logger = Logger(label: "sluice.test") { LineLogHandler(label: $0, output: output, level: level) }
        body(&logger)
        #expect(output.flush(within: .seconds(30)))
        try pipe.fileHandleForWriting.close()
        let data = try #require(try pipe.fileHandleForReading.readToEnd())
        return (String(decoding: data, as: UTF8.self), levels.withLock(\.self))
    }

    @Test func writesKeysAndValuesInOneLine() throws {
        let (text, levels) = try logged(.text) { logger in
            logger[metadataKey: "route"] = "log-to-slack"
            logger.info(
                "delivered", metadata: ["attempt": "2", "b": ["x", "y"], "empty": "", "a": .stringConvertible(5)])
            logger.debug("not this one")
        }
        #expect(text.hasPrefix("time=20"))
        let rest = text.drop { $0 != " " }
        #expect(
            rest
                == " level=info label=sluice.test message=delivered a=5 attempt=2 b=\"[\\\"x\\\",\\\"y\\\"]\" empty=\"\" route=log-to-slack\n"
        )
        #expect(levels == [.info])
        let time = text.dropFirst("time=".count).prefix { $0 != " " }
        #expect(RFC3339.parse(String(time)) != nil && time.count == 24)
    }

    @Test(arguments: [
        "a\nlevel=critical", "a\r\nb", "a\u{2028}b", "a\u{9B}2Jb", "a\u{1B}[2Jb", "a\" level=error b=\"", "\\\"", "a=b",
        "\0",
    ])
    func letsNoTextForgeALine(text: String) throws {
        for format in LogFormat.allCases {
            let (line, _) = try logged(format) { logger in
                logger.warning("\(text)", metadata: ["key": "\(text)", "k\n=\" \(text)": "v"])
            }
            #expect(line.utf8.filter { $0 < 0x20 } == [0x0A])
            #expect(line.hasSuffix("\n"))
            if format == .json {
                let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String]
                #expect(object?["message"] == text && object?["key"] == text && object?["level"] == "warning")
            } else {
                #expect(!String(line.dropLast()).hasUnsafeCharacters)
                let fields = try #require(parse(line))
                #expect(fields.map(\.name).prefix(4) == ["time", "level", "label", "message"])
                #expect(fields[3].value == text)
                #expect(fields.first { $0.name == "key" }?.value == text)
                #expect(fields.count == 6)
            }
        }
    }

    @Test func writesJSONWithNestedMetadata() throws {
        let (text, _) = try logged(.json) { logger in
            logger.error("m", metadata: ["d": ["b": ["1", "2"], "a": "x"], "level": "mine"])
        }
        let rest = text.drop { $0 != "," }
        #expect(
            rest
                == #","level":"error","label":"sluice.test","message":"m","d":{"a":"x","b":["1","2"]},"meta_level":"mine"}"#
                + "\n")
    }

    @Test func addsTheError() throws {
        let (text, levels) = try logged(.text) { logger in logger.error("failed", error: Failure()) }
        #expect(text.contains(#" message=failed error="it \"broke\"\nbadly" error_type=Failure"#))
        #expect(levels == [.error])
    }

    @Test func addsWhatAProviderKnows() throws {
        let pipe = Pipe()
        let output = LogOutput(descriptor: pipe.fileHandleForWriting.fileDescriptor)
        let provider = Logger.MetadataProvider { ["trace_id": "t", "a": "provider"] }
        var logger = Logger(label: "l") { LineLogHandler(label: $0, output: output, metadataProvider: provider) }
        logger[metadataKey: "a"] = "logger"
        logger.info("m")
        #expect(output.flush(within: .seconds(30)))
        try pipe.fileHandleForWriting.close()
        let text = String(decoding: try #require(try pipe.fileHandleForReading.readToEnd()), as: UTF8.self)
        #expect(text.hasSuffix(" message=m a=provider trace_id=t\n"))
    }

    @Test func treatsLevelAndMetadataAsValues() {
        let output = LogOutput(descriptor: -1)
        var first = Logger(label: "a") { LineLogHandler(label: $0, output: output) }
        first.logLevel = .debug
        first[metadataKey: "only-on"] = "first"
        var second = first
        second.logLevel = .error
        second[metadataKey: "only-on"] = "second"
        #expect(first.logLevel == .debug && second.logLevel == .error)
        #expect(first[metadataKey: "only-on"] == "first" && second[metadataKey: "only-on"] == "second")
        // There is no reader, and nothing comes of it.
        first.error("nowhere")
    }

    @Test func mixesNoLinesOfManyThreads() async throws {
        let path = NSTemporaryDirectory() + "sluice-\(UUID().uuidString).log"
        _ = FileManager.default.createFile(atPath: path, contents: nil)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let handle = try #require(FileHandle(forWritingAtPath: path))
        let output = LogOutput(descriptor: handle.fileDescriptor)
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<8 {
                group.addTask {
                    let logger = Logger(label: "t\(number)") { LineLogHandler(label: $0, output: output) }
                    for _ in 0..<200 { logger.info("\(String(repeating: "x", count: 1_000))") }
                }
            }
        }
        #expect(output.flush(within: .seconds(30)))
        try handle.close()
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 1_600)
        #expect(lines.allSatisfy { $0.hasPrefix("time=") && $0.utf8.count == lines[0].utf8.count })
    }

    /// Reads logfmt as its readers do.
    private func parse(_ line: String) -> [(name: String, value: String)]? {
        var fields: [(String, String)] = []
        var rest = Substring(line.dropLast())
        while !rest.isEmpty {
            guard let equals = rest.firstIndex(of: "=") else { return nil }
            let name = String(rest[..<equals])
            rest = rest[rest.index(after: equals)...]
            guard rest.first == "\"" else {
                let value = rest.prefix { $0 != " " }
                fields.append((name, String(value)))
                rest = rest.dropFirst(value.count + 1)
                continue
            }
            var end = rest.index(after: rest.startIndex)
            while end < rest.endIndex, rest[end] != "\"" {
                end = rest.index(end, offsetBy: rest[end] == "\\" ? 2 : 1, limitedBy: rest.endIndex) ?? rest.endIndex
            }
            guard end < rest.endIndex else { return nil }
            guard let value = try? JSONDecoder().decode(String.self, from: Data(rest[...end].utf8)) else { return nil }
            fields.append((name, value))
            rest = rest[rest.index(after: end)...].dropFirst()
        }
        return fields
    }
}
