import Foundation
import GatewayTestSupport
import Sluice
import SluiceSQLite
import Synchronization
import Testing

@testable import SluiceGateway

struct ToolsTests {
    /// Gives its pieces one after the other, as a pipe does.
    private static func input(_ pieces: [String]) -> () throws -> [UInt8] {
        var rest = pieces[...]
        return { rest.popFirst().map { Array($0.utf8) } ?? [] }
    }

    private final class Output: Sendable {
        private let written = Mutex<[UInt8]>([])
        var lines: [String] {
            written.withLock { String(decoding: $0, as: UTF8.self) }.split(separator: "\n").map { String($0) }
        }
        func write(_ bytes: [UInt8]) { written.withLock { $0 += bytes } }
    }

    private func publish(_ pieces: [String], to address: BrokerAddress, _ tool: PublishTool = PublishTool())
        async throws
        -> Int
    {
        let (publisher, end) = try await address.publisher(key: nil)
        let outcome: Result<Int, any Error>
        do { outcome = .success(try await tool.run(to: publisher, "t", read: Self.input(pieces))) } catch {
            outcome = .failure(error)
        }
        await publisher.close()
        await end()
        return try outcome.get()
    }

    private func consume(
        _ address: BrokerAddress, group: String? = nil, start: ConsumeOptions.Start = .beginning,
        _ tool: ConsumeTool = .untilIdle
    ) async throws -> [String] {
        var options = ConsumeOptions()
        options.group = group
        options.start = start
        let source = try await address.messages(of: "t", options)
        let output = Output()
        _ = try await tool.run(from: source) { output.write($0) }
        await source.close()
        return output.lines
    }

    @Test func linesGoInAndComeOutHoweverTheyAreCut() async throws {
        let directory = try TemporaryDirectory()
        let address = BrokerAddress.sqlite(path: directory.path + "/log.sqlite")
        #expect(try await publish(["one\ntw", "o\r\nthr", "ee"], to: address) == 3)
        #expect(try await consume(address) == ["one", "two", "three"])
        // Looking changes nothing.
        #expect(try await consume(address) == ["one", "two", "three"])
        #expect(try await consume(address, start: .end) == [])
        #expect(try await consume(address, start: .time(Timestamp(millisecondsSince1970: 0))).count == 3)
    }

    @Test func aGroupGoesOnWhereItWas() async throws {
        let directory = try TemporaryDirectory()
        let address = BrokerAddress.sqlite(path: directory.path + "/log.sqlite")
        _ = try await publish(["1\n2\n3\n"], to: address)
        var two = ConsumeTool()
        two.count = 2
        #expect(try await consume(address, group: "g", two) == ["1", "2"])
        #expect(try await consume(address, group: "g") == ["3"])
        await #expect(throws: ToolError.self) { try await consume(address, group: "h", start: .end) }
    }

    @Test func aBadLineIsNamedAndWhatStandsBeforeItIsPublished() async throws {
        let directory = try TemporaryDirectory()
        let address = BrokerAddress.sqlite(path: directory.path + "/log.sqlite")
        var tool = PublishTool()
        tool.format = .json
        tool.metadata = ["from": "test", "kind": "a"]
        let lines =
            "{\"payload\":\"1\"}\n\n{\"payload\":\"2\",\"metadata\":{\"kind\":\"b\"}}\nnonsense\n{\"payload\":\"3\"}\n"
        let error = await #expect(throws: ToolError.self) { try await publish([lines], to: address, tool) }
        #expect(try #require(error).description == "line 4: not a JSON object")
        var json = ConsumeTool.untilIdle
        json.format = .json
        let consumed = try await consume(address, json)
        #expect(consumed.count == 2)
        #expect(consumed.last?.contains(#""metadata":{"from":"test","kind":"b"},"payload":"2""#) == true)
    }

    @Test func requestsAreConsumedAndPublished() async throws {
        // The port is free a moment before; nothing else here listens on fixed ones.
        let port = try TestPort.free()
        let address = try BrokerAddress("http://127.0.0.1:\(port)")
        var two = ConsumeTool()
        two.count = 2
        async let consumed = consume(address, two)
        try await eventually("it listens") { (try? await publish(["one\n"], to: address)) == 1 }
        #expect(try await publish(["two\n"], to: address) == 1)
        #expect(try await consumed == ["one", "two"])
    }

    @Test(arguments: ["", "x", "sqlite:", "ftp://a", "http://user:pw@host", "http://", "sqlite"])
    func saysWhatAnAddressMayBe(text: String) {
        let error = #expect(throws: ToolError.self) { try BrokerAddress(text) }
        #expect(error?.description.contains("expected") == true)
        #expect(error?.description.contains("pw") == false)
    }
}

extension ConsumeTool {
    fileprivate static var untilIdle: ConsumeTool {
        var tool = ConsumeTool()
        tool.idle = .milliseconds(400)
        return tool
    }
}
