import Sluice
import SluiceGateway
import Testing

struct MessageFormatTests {
    private func decode(_ line: String) throws -> Message {
        try MessageFormat.json.decode(Array(line.utf8))
    }

    private func roundTrip(_ message: Message) throws -> Message {
        let line = MessageFormat.json.encode(message, Delivery.Origin(partition: 3, offset: 7), topic: "t")
        #expect(line.last == UInt8(ascii: "\n") && line.filter { $0 == UInt8(ascii: "\n") }.count == 1)
        return try MessageFormat.json.decode(line.dropLast())
    }

    @Test(arguments: [
        [], Array("plain".utf8), Array("two\nlines \"quoted\" 🚀\u{0}".utf8), [0xFF, 0x00, 0xC0], [UInt8](0...255),
    ])
    func whatIsWrittenAsJSONIsReadAsTheSame(payload: [UInt8]) throws {
        let message = Message(id: "an id", metadata: ["empty": "", "größe": "ä\n\""], payload: payload)
        #expect(try roundTrip(message) == message)
        let plain = Message(payload: payload)
        #expect(try roundTrip(plain) == plain)
    }

    @Test func takesAnyJSONAsAPayload() throws {
        #expect(try decode(#"{"payload":{"b":[1,"/"],"a":null}}"#).payload == Array(#"{"b":[1,"/"],"a":null}"#.utf8))
        #expect(try decode(#"{"payload":17}"#).payload == Array("17".utf8))
    }

    @Test(arguments: [
        ("", "not a JSON object"), ("[]", "not a JSON object"), ("{", "not a JSON object"),
        (#"{"payload":"a","payload_base64":"YQ=="}"#, "both"), ("{}", "neither"),
        (#"{"payload_base64":"%"}"#, "not Base64"), (#"{"payload":"a","id":1}"#, "id"),
        (#"{"payload":"a","id":""}"#, "id"), (#"{"payload":"a","metadata":{"a":1}}"#, "object of strings"),
        (#"{"payload":"a","meta":{}}"#, "meta is not known"),
    ])
    func saysWhatIsWrongWithALine(line: String, words: String) throws {
        let error = #expect(throws: MessageFormatError.self) { try decode(line) }
        #expect(try #require(error).description.contains(words))
    }

    @Test func metadataAreBounded() throws {
        func line(_ count: Int) -> String {
            #"{"payload":"a","metadata":{\#((0..<count).map { "\"n\($0)\":\"\"" }.joined(separator: ","))}}"#
        }
        #expect(try decode(line(MetadataLimits.count)).metadata.count == MetadataLimits.count)
        #expect(throws: MessageFormatError.self) { try decode(line(MetadataLimits.count + 1)) }
    }
}
