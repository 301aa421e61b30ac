import Foundation
import GatewayTestSupport
import Sluice
import SluiceSQLite
import SluiceTesting
import Testing

@testable import SluiceGateway

struct ToolsTests {
    @Test func linesGoInAndComeOutHoweverTheyAreCut() async throws {
        let directory = try TemporaryDirectory()
        let address = BrokerAddress.sqlite(path: directory.path + "/log.sqlite")
        #expect(try await address.publish(["one\ntw", "o\nthr", "ee"]) == 3)
        #expect(try await address.consume() == ["one", "two", "three"])
        // Looking changes nothing.
        #expect(try await address.consume() == ["one", "two", "three"])
        #expect(try await address.consume(start: .end) == [])
        #expect(try await address.consume(start: .time(Timestamp(millisecondsSince1970: 0))).count == 3)
    }

    @Test func aGroupGoesOnWhereItWas() async throws {
        let directory = try TemporaryDirectory()
        let address = BrokerAddress.sqlite(path: directory.path + "/log.sqlite")
        _ = try await address.publish(["1\n2\n3\n"])
        var two = ConsumeTool()
        two.count = 2
        #expect(try await address.consume(two, group: "g") == ["1", "2"])
        #expect(try await address.consume(group: "g") == ["3"])
        await #expect(throws: ToolError.self) { try await address.consume(group: "h", start: .end) }
    }

    @Test func aBadLineIsNamedAndWhatStandsBeforeItIsPublished() async throws {
        let directory = try TemporaryDirectory()
        let address = BrokerAddress.sqlite(path: directory.path + "/log.sqlite")
        var tool = PublishTool()
        tool.format = .json
        tool.metadata = ["from": "test", "kind": "a"]
        let lines =
            "{\"payload\":\"1\"}\n\n{\"payload\":\"2\",\"metadata\":{\"kind\":\"b\"}}\nnonsense\n{\"payload\":\"3\"}\n"
        let error = await #expect(throws: ToolError.self) { try await address.publish([lines], tool) }
        #expect(try #require(error).description == "line 4: not a JSON object")
        var json = ConsumeTool.untilIdle
        json.format = .json
        let consumed = try await address.consume(json)
        #expect(consumed.count == 2)
        #expect(consumed.last?.contains(#""metadata":{"from":"test","kind":"b"},"payload":"2""#) == true)
    }

    @Test func requestsAreConsumedAndPublished() async throws {
        let port = try HeldPort()
        defer { withExtendedLifetime(port) {} }
        let address = try BrokerAddress("http://127.0.0.1:\(port.number)")
        var two = ConsumeTool()
        two.count = 2
        async let consumed = address.consume(two)
        try await eventually("it listens") { (try? await address.publish(["one\n"])) == 1 }
        #expect(try await address.publish(["two\n"]) == 1)
        #expect(try await consumed == ["one", "two"])
    }

    @Test func aCarriageReturnBelongsToItsLine() async throws {
        let directory = try TemporaryDirectory()
        let address = BrokerAddress.sqlite(path: directory.path + "/log.sqlite")
        #expect(try await address.publish(["a\r\n\r\nb", "\r"]) == 3)
        var json = ConsumeTool.untilIdle
        json.format = .json
        let payloads = try await address.consume(json).map { try MessageFormat.json.decode(Array($0.utf8)).payload }
        #expect(payloads == ["a\r", "\r", "b\r"].map { Array($0.utf8) })
    }

    @Test(arguments: ["", "x", "sqlite:", "ftp://a", "http://user:pw@host", "http://", "sqlite"])
    func saysWhatAnAddressMayBe(text: String) {
        let error = #expect(throws: ToolError.self) { try BrokerAddress(text) }
        #expect(error?.description.contains("expected") == true)
        #expect(error?.description.contains("pw") == false)
    }
}
