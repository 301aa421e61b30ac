import Sluice
import SluiceTesting

@testable import SluiceGateway

/// Messages with everything that text may get wrong: the same whenever a seed is.
struct RandomMessages {
    var random: SeededGenerator
    var hasKeys = true
    var hasExactMetadata = false
    /// Whether an id may hold what a header of HTTP cannot.
    var hasAnyID = true

    mutating func text(_ limit: Int) -> String {
        let letters = [
            "a", "Z", "é", "e\u{301}", "🚀", "\"", "\\", "\u{0}", "\u{1}", "\u{7F}", "\n", "\r", "\t", " ", "/",
            "\u{2028}",
            "ß", "\u{FFFD}", "\u{10FFFF}", "0",
        ]
        return (0..<Int.random(in: 0...limit, using: &random))
            .map { _ in letters.randomElement(using: &random) ?? "" }.joined()
    }

    mutating func bytes() -> [UInt8] {
        switch Int.random(in: 0..<5, using: &random) {
        case 0: []
        case 1: (0..<40).map { _ in .random(in: 0...255, using: &random) }
        case 2: [0xFF, 0x00, 0xC0, 0x80]
        case 3: Array("{\"n\":1.10e+2,\"big\":12345678901234567890,\"z\":-0}".utf8)
        default: Array(text(20).utf8)
        }
    }

    mutating func next() -> CarriedMessage {
        var message = Message(payload: bytes())
        if hasAnyID, Bool.random(using: &random) { message.id = MessageID("id \(random.next()) \(text(6))") }
        for _ in 0..<Int.random(in: 0...4, using: &random) {
            let name = "n\(Int.random(in: 0...9, using: &random))\(text(3).filter { $0 != "\0" })"
            message.metadata[name] = text(8)
        }
        var carried = CarriedMessage(message)
        if hasKeys, Bool.random(using: &random) { carried.key = bytes() }
        if hasExactMetadata {
            if Int.random(in: 0..<4, using: &random) == 0 {
                carried.isNull = true
                carried.message.payload = []
            }
            carried.message.metadata["x-bytes"] = "\u{FFFD}\0"
            carried.exactMetadata["x-bytes"] = .some([0xFF, 0x00])
            carried.message.metadata["x-null"] = ""
            carried.exactMetadata.updateValue(nil, forKey: "x-null")
        }
        return carried
    }

    mutating func lines(_ count: Int) -> [CarriedMessage] { (0..<count).map { _ in next() } }
}
