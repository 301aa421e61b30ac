import Sluice
import Testing

struct JSONReaderTests {
    private func isValid(_ bytes: [UInt8]) -> Bool {
        do {
            try JSONReader.validate(bytes)
            return true
        } catch {
            return false
        }
    }

    private func string(_ json: String) throws -> String {
        try JSONReader.read(Array(json.utf8)) { (reader) throws(JSONError) in try reader.string() }
    }

    @Test(arguments: [
        "null", "true", "false", "0", "-0", "12.50", "1e5", "-1.5E+7", "1E-2", "\"\"", "\"a\\\"b\"", "[]", "{}",
        " [ 1 , 2 , [ ] ] ", "{\"a\":{\"b\":[{}]},\"c\":\"\\u0041\\\\\\/\\b\\f\\n\\r\\t\"}", "\"\\ud83d\\ude80\"",
        "\t{\r\n \"a\" : 1 }\n", "\"\u{7F}é漢🚀\u{10FFFF}\"", "[{},[],\"\",0,null]", "\"\\u0000\"",
    ])
    func acceptsWhatTheGrammarAllows(json: String) {
        #expect(isValid(Array(json.utf8)))
    }

    @Test(arguments: [
        "", " ", "nul", "truE", "fals", "+1", "01", "-", "1.", ".5", "1e", "1e+", "0x1", "NaN", "Infinity", "\"", "\"a",
        "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u12G4\"", "\"\\ud83d\\\"",
        "\"\\ude8\"", "\"a\nb\"", "\"\t\"", "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{", "{\"a\"", "{\"a\":",
        "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{,}", "{a:1}", "{1:1}", "{\"a\" 1}", "[1}", "{\"a\":1]", "1 2", "{} x",
        "'a'", "// c\n1", "[1],", "\u{FEFF}", "1\u{FEFF}", "\u{FEFF}\u{FEFF}1", "\u{0}", "[\u{0}]", "{\"a\":1 \"b\":2}",
        "[[]", "[]]", "{}}",
    ])
    func refusesWhatTheGrammarForbids(json: String) {
        #expect(!isValid(Array(json.utf8)))
    }

    @Test(
        arguments: [
            [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x9F, 0xBF], [0xED, 0xA0, 0x80], [0xF0, 0x8F, 0xBF, 0xBF],
            [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF], [0xC3], [0xE2, 0x82], [0xF0, 0x9F, 0x9A],
            [0xC3, 0x28], [0xE2, 0x28, 0xA1], [0xF0, 0x9F, 0x28, 0x80],
        ] as [[UInt8]])
    func refusesInvalidUTF8InStrings(bytes: [UInt8]) {
        for padding in 0..<9 {
            let filler = [UInt8](repeating: 0x61, count: padding)
            #expect(!isValid([0x22] + filler + bytes + filler + [0x22]))
            #expect(!isValid([0x22] + filler + bytes))
        }
    }

    @Test func findsASpecialByteWhereverItStandsInAWord() throws {
        for length in 0..<40 {
            for place in 0...length {
                let front = String(repeating: "x", count: place)
                let back = String(repeating: "y", count: length - place)
                #expect(try string("\"\(front)\\n\(back)\"") == "\(front)\n\(back)")
                #expect(try string("\"\(front)é\(back)\"") == "\(front)é\(back)")
                #expect(!isValid(Array("\"\(front)\u{1F}\(back)\"".utf8)))
                #expect(!isValid(Array("\"\(front)".utf8)))
            }
        }
    }

    @Test func nestsAsDeepAsTheLimitAndNoDeeper() throws {
        for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"b\":", "}]")] {
            let each = open.hasPrefix("[{") ? 2 : 1
            let levels = JSONReader.maximumDepth / each
            func nested(_ count: Int) -> [UInt8] {
                Array((String(repeating: open, count: count) + "1" + String(repeating: close, count: count)).utf8)
            }
            #expect(isValid(nested(levels)))
            #expect(!isValid(nested(levels + 1)))
        }
        #expect(!isValid([UInt8](repeating: UInt8(ascii: "["), count: 1_000_000)))
    }

    @Test func countsNestingInsideOfWhatIsRead() throws {
        let inner = String(repeating: "[", count: 127) + String(repeating: "]", count: 127)
        func read(_ json: String) throws {
            try JSONReader.read(Array(json.utf8)) { (reader) throws(JSONError) in
                try reader.object { (_, _) throws(JSONError) in }
            }
        }
        try read("{\"a\":\(inner)}")
        #expect(throws: JSONError.self) { try read("{\"a\":[\(inner)]}") }
    }

    @Test func readsOnlyWhatIsAskedFor() throws {
        var seen: [String] = []
        let push = #"""
            {
              "ref": "refs/heads/main", "before": "0000000000000000000000000000000000000000", "deleted": false,
              "repository": {"id": 1, "name": "hello", "owner": {"name": "octo", "ref": "not this one"}},
              "commits": [
                {"id": "FEED000000000000000000000000000000000000", "message": "Zweiter, größer\n\u00e9\ud83d\ude80",
                 "author": {"name": "Ann Onym", "email": null}, "added": ["a", "b"]}
              ],
              "head_commit": null, "numbers": [0, -1, 1.5, 2e10, -0.25E-3]
            }
            """#
        try JSONReader.read(Array(push.utf8)) { (reader) throws(JSONError) in
            try reader.object { (key, reader) throws(JSONError) in
                if key == "ref" {
                    seen.append(try reader.string())
                } else if key == "deleted" {
                    seen.append("\(try reader.boolean())")
                } else if key == "head_commit" {
                    seen.append("\(try reader.null())")
                } else if key == "numbers" {
                    try reader.array { (reader) throws(JSONError) in
                        seen.append("\(try reader.number().integer(timesTenTo: 5) ?? -1)")
                    }
                }
            }
        }
        #expect(seen == ["refs/heads/main", "false", "true", "0", "-100000", "150000", "2000000000000000", "-25"])
    }

    @Test func comparesNamesThatAreWrittenWithEscapes() throws {
        var found: [String] = []
        try JSONReader.read(Array(#"{"\u0072e\u0066":"a","ref":"b","re":"c","reff":"d"}"#.utf8)) {
            (reader) throws(JSONError) in
            try reader.object { (key, reader) throws(JSONError) in
                if key == "ref" { found.append(try reader.string()) }
            }
        }
        #expect(found == ["a", "b"])
    }

    @Test func decodesEscapes() throws {
        #expect(try string(#""a\"\\\/\b\f\n\r\t\u00e9\u20AC\uD83D\uDE80\u0000z""#) == "a\"\\/\u{8}\u{C}\n\r\té€🚀\0z")
    }

    @Test(arguments: [
        (#""a\ud83d""#, "a\u{FFFD}"), (#""\ud83dx""#, "\u{FFFD}x"), (#""\ud83d\u0041""#, "\u{FFFD}A"),
        (#""\ude80""#, "\u{FFFD}"), (#""\ude80\ud83d""#, "\u{FFFD}\u{FFFD}"), (#""\ud83d\n""#, "\u{FFFD}\n"),
        (#""\ud83d\ud83d\ude80""#, "\u{FFFD}🚀"), (#""\uD83D\\""#, "\u{FFFD}\\"),
    ])
    func showsHalfOfASurrogatePairAsSuch(json: String, text: String) throws {
        #expect(try string(json) == text)
    }

    @Test func passesOverAByteOrderMark() throws {
        #expect(try string("\u{FEFF} \"a\"\n") == "a")
        #expect(isValid(Array("\u{FEFF}{}".utf8)))
    }

    @Test func saysWhereAndWhatWithoutTheText() {
        #expect(throws: JSONError(offset: 5, expected: "a value")) {
            try JSONReader.validate(Array("{\"a\":secret}".utf8))
        }
        #expect(throws: JSONError(offset: 0, expected: "a string")) { try string("5") }
        #expect(throws: JSONError(offset: 4, expected: "a closing quote")) { try string("\"abc") }
    }

    @Test(
        arguments: [
            ("9223372036854775807", 0, 9_223_372_036_854_775_807),
            ("-9223372036854775807", 0, -9_223_372_036_854_775_807),
            ("1767323045.678", 3, 1_767_323_045_678), ("1767323045.6789", 3, 1_767_323_045_678),
            ("1.7e9", 3, 1_700_000_000_000),
            ("0e999999999999", 3, 0), ("1e-999999999", 3, 0), ("123e-2", 0, 1),
            ("0.000000000000000000000000000001", 0, 0),
        ] as [(String, Int, Int64)])
    func readsNumbersExactly(text: String, power: Int, value: Int64) throws {
        let number = try JSONReader.read(Array(text.utf8)) { (reader) throws(JSONError) in try reader.number() }
        #expect(number.integer(timesTenTo: power) == value)
    }

    @Test(arguments: ["9223372036854775808", "1e19", "1e999999999999999999999", "99999999999999999999999"])
    func saysWhenANumberDoesNotFit(text: String) throws {
        let number = try JSONReader.read(Array(text.utf8)) { (reader) throws(JSONError) in try reader.number() }
        #expect(number.integer() == nil)
    }
}
