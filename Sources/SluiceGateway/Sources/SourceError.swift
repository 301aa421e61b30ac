public import Sluice

/// A message cannot be understood, now or ever: it asks for the poison queue, and a webhook's sender for a 400.
public struct SourceError: DispositionError, Hashable, CustomStringConvertible {
    /// One line that says what is wrong, fit for an error body; never the payload.
    public let description: String
    public let reason: String

    /// - Parameters:
    ///   - description: what is wrong, for the sender.
    ///   - reason: the word for the label `reason`.
    public init(_ description: String, reason: String = "malformed_payload") {
        self.description = description
        self.reason = reason
    }

    public var disposition: Disposition { .poison(description) }
}
