/// What a progress bar counts.
public struct ProgressUnit: Sendable {
    private let isBytes: Bool
    private let noun: String

    public static let bytes = ProgressUnit(isBytes: true, noun: "")
    public static let messages = things("messages")

    /// - Parameter noun: in the plural, such as `messages`.
    public static func things(_ noun: String) -> ProgressUnit { ProgressUnit(isBytes: false, noun: noun) }

    func amount(_ done: Int64, of total: Int64?) -> String {
        let text = total.map { "\(number(done)) of \(number($0))" } ?? number(done)
        return noun.isEmpty ? text : "\(text) \(noun)"
    }

    func rate(_ perSecond: Double) -> String {
        isBytes ? "\(StatusWords.bytes(Int64(saturating: perSecond)))/s" : StatusWords.rate(perSecond)
    }

    private func number(_ value: Int64) -> String {
        isBytes ? StatusWords.bytes(value) : Self.grouped(value)
    }

    /// `12,345`.
    static func grouped(_ value: Int64) -> String {
        var text = ""
        for (index, digit) in "\(value.magnitude)".reversed().enumerated() {
            if index > 0, index % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return (value < 0 ? "-" : "") + String(text.reversed())
    }
}
