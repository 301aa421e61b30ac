import NIOCore
import Testing

@testable import SluiceHTTP

@Suite struct SmallPartsTests {
    @Test(arguments: [
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (951_827_696, "Tue, 29 Feb 2000 12:34:56 GMT"), (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"),
        (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        // What a clock may say that is wrong.
        (-1, "Wed, 31 Dec 1969 23:59:59 GMT"), (-86_400, "Wed, 31 Dec 1969 00:00:00 GMT"),
        (-86_401, "Tue, 30 Dec 1969 23:59:59 GMT"), (-62_135_596_800, "Mon, 01 Jan 0001 00:00:00 GMT"),
        (-62_167_219_200, "Sat, 01 Jan 0000 00:00:00 GMT"), (.min, "Sat, 01 Jan 0000 00:00:00 GMT"),
        (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"), (.max, "Fri, 31 Dec 9999 23:59:59 GMT"),
    ])
    func datesAreWrittenAsHTTPHasThem(seconds: Int64, text: String) {
        #expect(HTTPDate.format(secondsSince1970: seconds) == text)
    }

    @Test func errorTextsAreEscaped() {
        let line = HTTPInboundResponse.errorLine("a\"b\\c\nd\u{1}é")
        #expect(String(decoding: line, as: UTF8.self) == #"{"error":"a\"b\\c\nd\u0001é"}"# + "\n")
    }

    @Test func aLineBreakStartsNoHeader() {
        var encoder = ResponseEncoder()
        let response = HTTPInboundResponse(status: 200, headers: [.init("X", "a\r\nY: b")])
        let buffer = encoder.encode(response, close: false, headOnly: false, allocator: .init())
        #expect(String(buffer: buffer).contains("X: aY: b\r\n"))
    }
}
