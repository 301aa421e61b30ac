import Sluice
import SluiceTesting
import Testing

struct MessageIDTests {
    @Test func isAUUIDOfVersion7() throws {
        for _ in 0..<1_000 {
            let bits = try #require(MessageID().bits)
            #expect(bits.high >> 12 & 0xF == 7)
            #expect(bits.low >> 62 == 0b10)
        }
    }

    @Test func carriesTheTimeInMilliseconds() throws {
        let before = Timestamp.now().millisecondsSince1970
        let bits = try #require(MessageID().bits)
        let after = Timestamp.now().millisecondsSince1970
        let time = Int64(bits.high >> 16)
        // The coarse clock may be a tick behind.
        #expect(time >= before - 20)
        #expect(time <= after)
    }

    @Test func isUniqueAcrossThreads() async {
        let (threads, each) = (8, 125_000)
        let ids = await withTaskGroup(of: [MessageID].self) { group in
            for _ in 0..<threads { group.addTask { (0..<each).map { _ in MessageID() } } }
            return await group.reduce(into: Set<MessageID>()) { $0.formUnion($1) }
        }
        #expect(ids.count == threads * each)
    }

    @Test func differsInItsRandomBitsBetweenNeighbours() throws {
        let lows = try (0..<1_000).map { _ in try #require(MessageID().bits).low }
        let flips = zip(lows, lows.dropFirst()).map { ($0 ^ $1).nonzeroBitCount }
        let mean = Double(flips.reduce(0, +)) / Double(flips.count)
        #expect(mean > 25 && mean < 37)
    }

    @Test func sortsByTime() async throws {
        let first = MessageID()
        let start = Timestamp.now()
        try await eventually { Timestamp.now().millisecondsSince1970 > start.millisecondsSince1970 + 25 }
        #expect(first.description < MessageID().description)
    }

    @Test func survivesARoundTripThroughText() {
        for _ in 0..<1_000 {
            let id = MessageID()
            let text = id.description
            #expect(text.utf8.count == 36)
            #expect(MessageID(text) == id)
            #expect(MessageID(text).description == text)
        }
    }

    @Test(arguments: [
        (UInt64.min, UInt64.min, "00000000-0000-0000-0000-000000000000"),
        (UInt64.max, UInt64.max, "ffffffff-ffff-ffff-ffff-ffffffffffff"),
        (0x0123_4567_89AB_CDEF, 0xFEDC_BA98_7654_3210, "01234567-89ab-cdef-fedc-ba9876543210"),
    ])
    func isWrittenInTheCanonicalForm(high: UInt64, low: UInt64, text: String) throws {
        #expect(MessageID(high: high, low: low).description == text)
        #expect(written(MessageID(high: high, low: low)) == text)
        let bits = try #require(MessageID(text).bits)
        #expect(bits == (high, low))
    }

    @Test(arguments: [
        "", "order-42", "01234567-89AB-CDEF-FEDC-BA9876543210", "0123456789abcdeffedcba9876543210",
        "{01234567-89ab-cdef-fedc-ba9876543210}", "01234567-89ab-cdef-fedc-ba987654321g",
        "01234567-89ab-cdef-fedc-ba98765432100", "01234567-89ab-cdef-fedc-ba987654321",
        "01234567_89ab_cdef_fedc_ba9876543210", "-1234567-89ab-cdef-fedc-ba9876543210",
        "ä1234567-89ab-cdef-fedc-ba987654321", "東京", "\u{0}", " 01234567-89ab-cdef-fedc-ba987654321",
    ])
    func keepsForeignTextAsItIs(text: String) {
        let id = MessageID(text)
        #expect(id.bits == nil)
        #expect(id.description == text)
        #expect(id == MessageID(text))
        #expect(written(id) == text)
    }

    /// What it appends to bytes that are there already.
    private func written(_ id: MessageID) -> String {
        var bytes = Array("<".utf8)
        id.write(to: &bytes)
        return bytes.first == UInt8(ascii: "<") ? String(decoding: bytes.dropFirst(), as: UTF8.self) : "?"
    }

    /// Each byte at each place: only the canonical form is a UUID, and text and bytes agree.
    @Test func takesNoByteForADigitThatIsNone() throws {
        let text = Array("01234567-89ab-cdef-fedc-ba9876543210".utf8)
        for place in text.indices {
            for byte in UInt8.min...UInt8.max {
                var changed = text
                changed[place] = byte
                let isDigit = (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
                let isCanonical = [8, 13, 18, 23].contains(place) ? byte == 0x2D : isDigit
                let id = changed.withUnsafeBytes { MessageID(utf8: $0) }
                #expect((id.bits != nil) == isCanonical, "\(byte) at \(place)")
                #expect(id == MessageID(String(decoding: changed, as: UTF8.self)))
                if isCanonical { #expect(Array(id.description.utf8) == changed) }
            }
        }
    }

    @Test func distinguishesAUUIDFromItsUppercaseText() {
        let id = MessageID("01234567-89ab-cdef-fedc-ba9876543210")
        #expect(id != MessageID("01234567-89AB-CDEF-FEDC-BA9876543210"))
        #expect(id == "01234567-89ab-cdef-fedc-ba9876543210")
    }
}
