/// A text in which `*` stands for any characters but `/`, such as `acme/web-*`.
public struct TextPattern: Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// As it is written.
    public let description: String

    public init(_ text: String) {
        description = text
    }

    public init(stringLiteral text: String) {
        self.init(text)
    }

    /// In at most as many steps as both are long, multiplied: no pattern takes long.
    public func matches(_ text: String) -> Bool {
        var steps = 0
        return matches(text, steps: &steps)
    }

    /// - Parameter steps: how many it took are added.
    func matches(_ text: String, steps: inout Int) -> Bool {
        let star = UInt8(ascii: "*")
        let pattern = description.utf8
        guard pattern.contains(star) else { return text.utf8.elementsEqual(pattern) }
        var (place, rest) = (pattern.startIndex, text.utf8[...])
        // Where to go on when what follows the last star does not match: the star takes one more.
        var (afterStar, taken): (String.UTF8View.Index?, Substring.UTF8View) = (nil, rest)
        while true {
            steps += 1
            if place < pattern.endIndex, pattern[place] == star {
                place = pattern.index(after: place)
                (afterStar, taken) = (place, rest)
            } else if let next = rest.first, place < pattern.endIndex, pattern[place] == next {
                place = pattern.index(after: place)
                rest = rest.dropFirst()
            } else if rest.isEmpty, place == pattern.endIndex {
                return true
            } else {
                guard let start = afterStar, let next = taken.first, next != UInt8(ascii: "/") else { return false }
                taken = taken.dropFirst()
                (place, rest) = (start, taken)
            }
        }
    }
}
