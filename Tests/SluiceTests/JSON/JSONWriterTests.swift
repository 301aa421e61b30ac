import Foundation
import Sluice
import Testing

struct JSONWriterTests {
    @Test func writesObjectsAndArraysWithTheirCommas() {
        let bytes = JSONWriter.object { json in
            json.member("a", "x")
            json.member("b", 5)
            json.member("c", ifPresent: nil)
            json.name("d")
            json.array { json in
                json.string("{")
                json.string("")
                json.object { _ in }
                json.array { _ in }
                json.null()
                json.boolean(true)
                json.integer(.min)
            }
            json.member("e", false)
        }
        #expect(
            String(decoding: bytes, as: UTF8.self)
                == #"{"a":"x","b":5,"d":["{","",{},[],null,true,-9223372036854775808],"e":false}"#)
    }

    @Test func escapesWhatItMustAndNothingElse() throws {
        let text =
            String(String.UnicodeScalarView((0..<0x100).compactMap { Unicode.Scalar(UInt32($0)) })) + "\u{2028}🚀漢"
        var json = JSONWriter()
        json.string(text)
        try JSONReader.validate(json.bytes)
        #expect(try JSONReader.read(json.bytes) { (reader) throws(JSONError) in try reader.string() } == text)
        #expect(try JSONDecoder().decode(String.self, from: Data(json.bytes)) == text)
        var plain = JSONWriter()
        plain.string("a/b\u{1}\n<é>")
        #expect(String(decoding: plain.bytes, as: UTF8.self) == "\"a/b\\u0001\\n<é>\"")
    }
}
