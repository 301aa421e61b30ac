import Sluice

/// Why messages were poisoned, without what is different in each: the route, and the reason with its numbers, ids and times
/// replaced.
struct PoisonCause: Sendable, Hashable {
    let route: String
    /// Such as `slack answered 400: invalid_blocks at N`.
    let reason: String

    /// More of a reason says nothing new.
    private static let longest = 400

    init(route: String, reason: String) {
        self.route = route
        self.reason = Self.normalized(reason)
    }

    /// What a person calls it by: 8 hexadecimal digits that follow from what it is.
    var key: String {
        // FNV-1a, the same in every process.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in Array(route.utf8) + [0] + Array(reason.utf8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        let text = String((hash ^ (hash >> 32)) & 0xFFFF_FFFF, radix: 16)
        return String(repeating: "0", count: 8 - text.count) + text
    }

    // MARK: Reasons

    /// Numbers become `N`, ids `ID` and times `TIME`; the status of an answer stays.
    static func normalized(_ reason: String) -> String {
        var result: [UInt8] = []
        var word: [UInt8] = []
        var before: [UInt8] = []
        func end() {
            guard !word.isEmpty else { return }
            result += replaced(word, after: before)
            before = word
            word = []
        }
        for byte in reason.truncated(toBytes: longest).replacingUnsafeCharacters().utf8 {
            if isOfWord(byte) {
                word.append(byte)
            } else {
                end()
                result.append(byte)
            }
        }
        end()
        return String(decoding: result, as: UTF8.self)
    }

    private static func isOfWord(_ byte: UInt8) -> Bool {
        isLetter(byte) || isDigit(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
            || byte == UInt8(ascii: ":") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "+") || byte >= 0x80
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    private static func isLetter(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte & 0xDF) }

    private static func isHexadecimal(_ byte: UInt8) -> Bool { isDigit(byte) || (0x41...0x46).contains(byte & 0xDF) }

    /// Words behind which a number is the status of an answer.
    private static let statusWords: Set<String> = ["answered", "status", "http", "with", "code"]

    private static func replaced(_ word: [UInt8], after before: [UInt8]) -> [UInt8] {
        guard word.contains(where: isDigit) else { return word }
        // What ends a sentence or introduces the next words is none of the word.
        let core = word.drop { !isDigit($0) && !isLetter($0) }
        let kept = core.reversed().drop { !isDigit($0) && !isLetter($0) }.reversed()
        let (front, back) = (word.prefix(word.count - core.count), core.suffix(core.count - kept.count))
        return front + replacedCore(Array(kept), after: before) + back
    }

    private static func replacedCore(_ word: [UInt8], after before: [UInt8]) -> [UInt8] {
        if isTime(word) { return Array("TIME".utf8) }
        if word.count == 3, word.allSatisfy(isDigit), (0x31...0x35).contains(word[0]),
            statusWords.contains(String(decoding: before, as: UTF8.self).lowercased())
        {
            return word
        }
        let bare = word.filter { $0 != UInt8(ascii: "-") }
        if bare.count >= 7, bare.allSatisfy(isHexadecimal), !bare.allSatisfy(isDigit) { return Array("ID".utf8) }
        // What mixes long runs of digits and letters is an id as well.
        if word.count >= 16, word.count(where: isDigit) * 4 >= word.count, word.contains(where: isLetter) {
            return Array("ID".utf8)
        }
        var result: [UInt8] = []
        for (index, byte) in word.enumerated() {
            if !isDigit(byte) {
                // A number with a point is one number.
                let isInside =
                    byte == UInt8(ascii: ".") && index > 0 && isDigit(word[index - 1]) && index + 1 < word.count
                    && isDigit(word[index + 1])
                if !isInside { result.append(byte) }
            } else if index == 0 || !isDigit(word[index - 1]) {
                let isRest = index > 1 && word[index - 1] == UInt8(ascii: ".") && isDigit(word[index - 2])
                if !isRest { result.append(UInt8(ascii: "N")) }
            }
        }
        return result
    }

    /// `2026-01-02`, perhaps with a time behind it.
    private static func isTime(_ word: [UInt8]) -> Bool {
        guard word.count >= 10 else { return false }
        for (index, byte) in word.prefix(10).enumerated() {
            guard index == 4 || index == 7 ? byte == UInt8(ascii: "-") : isDigit(byte) else { return false }
        }
        return true
    }
}
