import Sluice
import Testing

struct JSONFieldsTests {
    private struct Row: Equatable {
        var text = "unset"
        var maybe: String?
        var count: Int64 = -1
        var limit: Int64?
        var isOn = false
        var inner: [String] = []
    }

    private func read(_ json: String) throws(JSONError) -> Row {
        var row = Row()
        try JSONReader.fields(of: Array(json.utf8)) { (reader) throws(JSONError) in
            try reader.field("text", &row.text)
            try reader.fieldOrSkip("maybe", &row.maybe)
            try reader.field("count", &row.count)
            try reader.field("limit", &row.limit)
            try reader.field("on", &row.isOn)
            if reader.isAt("inner") {
                try reader.fields { (reader) throws(JSONError) in
                    var name: String?
                    try reader.fieldOrNull("text", &name)
                    row.inner.append(name ?? "null")
                }
            }
            // A name that was read, or that an inner object has, is not read again.
            try reader.field("text", &row.text)
            #expect(!(reader.isAt("text") && row.inner.count > 9))
        }
        return row
    }

    @Test func readsTheMembersThatAreAskedForInAnyOrder() throws {
        let expected = Row(text: "a", maybe: "b", count: 3, limit: 4, isOn: true)
        #expect(try read(#"{"text":"a","maybe":"b","count":3,"limit":4,"on":true}"#) == expected)
        #expect(
            try read(#"{"x":[{"text":1}],"on":true,"limit":4,"count":3,"y":null,"maybe":"b","text":"a"}"#) == expected)
        #expect(try read("{}") == Row())
    }

    @Test func aNameInsideAnotherObjectIsThatObjectsAlone() throws {
        let row = try read(#"{"inner":{"text":"c","z":0,"text":null},"text":"a"}"#)
        #expect(row == Row(text: "a", inner: ["c", "null", "null"]))
        #expect(try read(#"{"inner":{"text":"c"}}"#).text == "unset")
    }

    @Test func aNameMayBeWrittenWithEscapes() throws {
        #expect(try read(#"{"\u0074ext":"a","tex\u0074s":"b"}"#).text == "a")
    }

    @Test(arguments: [
        #"{"text":1}"#, #"{"text":null}"#, #"{"count":"1"}"#, #"{"on":0}"#, #"{"limit":true}"#, "[]", "1", "",
    ])
    func anotherKindOfValueIsAnError(json: String) {
        #expect(throws: JSONError.self) { try read(json) }
    }

    @Test(arguments: [#"{"maybe":1}"#, #"{"maybe":[{}]}"#, #"{"maybe":null}"#])
    func whatMayBeSkippedIsNoError(json: String) throws {
        #expect(try read(json) == Row())
    }
}
