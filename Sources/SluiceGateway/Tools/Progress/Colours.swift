/// Colours for text, where it goes to something that shows them (``TerminalTraits/hasColours``); otherwise text stays as it is.
public struct Colours: Sendable {
    /// What a piece of text means.
    public struct Tone: Sendable {
        /// The parameters of ECMA-48's "select graphic rendition".
        fileprivate let code: String

        public static let good = Tone(code: "32")
        public static let warning = Tone(code: "33")
        public static let bad = Tone(code: "31;1")
        public static let faint = Tone(code: "2")
        public static let strong = Tone(code: "1")
    }

    private let isOn: Bool

    public static let none = Colours(isOn: false)

    public init(for traits: TerminalTraits) {
        isOn = traits.hasColours
    }

    init(isOn: Bool) {
        self.isOn = isOn
    }

    /// The text in its colour. It must hold no escape sequences of its own.
    public func paint(_ text: String, _ tone: Tone) -> String {
        isOn && !text.isEmpty ? "\u{1B}[\(tone.code)m\(text)\u{1B}[0m" : text
    }

    /// What begins the colour; `\u{1B}[0m` ends it.
    public func start(_ tone: Tone) -> String {
        isOn ? "\u{1B}[\(tone.code)m" : ""
    }
}
