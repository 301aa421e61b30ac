import Foundation
import Sluice
import Testing

struct MessageValueTests {
    private func roundTrip<Value: Codable>(_ value: Value) throws -> Value {
        try JSONDecoder().decode(Value.self, from: JSONEncoder().encode(value))
    }

    private func decoded<Value: Decodable>(_ json: String, as type: Value.Type = Value.self) throws -> Value {
        try JSONDecoder().decode(type, from: Data(json.utf8))
    }

    @Test func textIsUTF8AndNothingElse() {
        #expect(Message(text: "Zürich 🚀").payload == Array("Zürich 🚀".utf8))
        #expect(Message(text: "Zürich 🚀").text == "Zürich 🚀")
        #expect(Message(payload: [0xFF]).text == nil)
        #expect(Message(payload: []).text == "")
    }

    @Test func everyMessageComesBackFromItsCoding() throws {
        let payloads: [[UInt8]] = [[], Array("text \"quoted\" \u{0}".utf8), [0xFF, 0, 0x80], [0xC0], Array(0...255)]
        for payload in payloads {
            for id in [MessageID(), "order/42", MessageID("018F2C5E-7A00-7B00-8C00-0123456789AB")] {
                let message = Message(
                    id: id, metadata: ["z": "1", "a": "", "ü": "\n", "m": "4", "b": "5"], payload: payload)
                #expect(try roundTrip(message) == message)
                #expect(try roundTrip(message).id.description == id.description)
            }
        }
        #expect(try roundTrip(Metadata()) == [:])
    }

    @Test func readsWhatTheProgramPrints() throws {
        let message = try decoded(
            #"{"id":"m1","topic":"t","metadata":{"b":"2","a":"1"},"payload_base64":"/wA="}"#, as: Message.self)
        #expect(message == Message(id: "m1", metadata: ["a": "1", "b": "2"], payload: [0xFF, 0]))
        #expect(try decoded(#"{"id":"m1","payload":"x"}"#, as: Message.self) == Message(id: "m1", text: "x"))
    }

    @Test func refusesWhatIsNoMessage() throws {
        for json in [
            #"{"payload":"x"}"#, #"{"id":"m1"}"#, #"{"id":"m1","payload_base64":"*"}"#, #"{"id":1,"payload":"x"}"#,
            #"{"id":"m1","payload":"x","metadata":[{"name":"a"}]}"#, #"{"id":"m1","payload":"x","metadata":{"a":1}}"#,
            #"{"id":"m1","payload":"x","metadata":7}"#,
        ] {
            #expect(throws: DecodingError.self) { try decoded(json, as: Message.self) }
        }
    }

    @Test func readsNoMoreMetadataThanAreAllowed() throws {
        let many = (0...MetadataLimits.count).map { #"{"name":"\#($0)","value":""}"# }.joined(separator: ",")
        #expect(throws: DecodingError.self) { try decoded("[\(many)]", as: Metadata.self) }
    }

    @Test func printsReadablyAndNeverMuch() {
        #expect(
            "\(Message(id: "m1", metadata: ["a": "1", "b": ""], text: "hi \"you\"\n"))"
                == #"m1: "hi \"you\"\n" [a: 1, b: ]"#)
        #expect("\(Message(id: "m1", payload: [0xFF, 0x00]))" == "m1: 2 bytes, 0xff00")
        #expect("\(Message(id: "m1", text: ""))" == #"m1: """#)
        #expect("\(Metadata())" == "[:]")
        // One character of a million scalars is no way around it.
        let combined = "e" + String(repeating: "\u{301}", count: 1_000_000)
        var metadata = Metadata()
        for number in 0..<100 { metadata["\(number)" + combined] = combined }
        for message in [
            Message(id: MessageID(combined), metadata: metadata, text: combined),
            Message(id: MessageID(combined), metadata: metadata, payload: [UInt8](repeating: 0xFF, count: 1_000_000)),
            Message(id: MessageID(combined), metadata: metadata, text: String(repeating: "\u{0}", count: 1_000_000)),
        ] {
            #expect("\(message)".unicodeScalars.count < 5_000)
        }
        #expect("\(metadata)".contains("and 92 more"))
    }
}
