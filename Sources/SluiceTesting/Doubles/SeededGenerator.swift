import Sluice

/// Random numbers that are the same in every run with the same seed, so that a failure can be repeated (SplitMix64).
///
/// ```swift
/// var generator = SeededGenerator(seed: 7)
/// let order = orders.shuffled(using: &generator)
/// ```
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var generator: SplitMix64

    public init(seed: UInt64) {
        generator = SplitMix64(seed: seed)
    }

    public mutating func next() -> UInt64 { generator.next() }
}
