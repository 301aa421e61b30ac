/// Where a text stopped being the JSON that was expected. It never shows the text itself.
package struct JSONError: Error, Hashable, CustomStringConvertible {
    /// Bytes before the fault, from 0.
    package let offset: Int
    /// What should have been there, such as `a string`.
    package let expected: String

    @usableFromInline
    package init(offset: Int, expected: StaticString) {
        self.offset = offset
        self.expected = "\(expected)"
    }

    package var description: String { "expected \(expected) at byte \(offset)" }
}
