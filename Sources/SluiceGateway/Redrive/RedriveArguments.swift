/// What is asked of a job, as commands and the gateway read it alike.
package enum RedriveArguments {
    package static let rateWords = "expected one such as 5/s or 30/m, more than 0"
    package static let shareWords = "expected a share such as 20%"
    package static let canaryWords = "expected 0 to \(RedriveLimits.canaries)"

    /// Messages a second; nil for what is no rate of a job.
    package static func rate(_ text: String) -> Double? {
        guard let rate = RateText.parse(text), rate > 0, rate <= 100_000 else { return nil }
        return rate
    }

    /// From 0 to 1; nil for what is no share.
    package static func share(_ text: String) -> Double? {
        guard text.hasSuffix("%"), let number = NumberText.parse(text.dropLast()), (0...100).contains(number) else {
            return nil
        }
        return number / 100
    }

    /// Nil for what is no number of canaries.
    package static func canaries(_ text: String) -> Int? {
        guard let count = Int(text), (0...RedriveLimits.canaries).contains(count) else { return nil }
        return count
    }
}
