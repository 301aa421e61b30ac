extension Metric {
    /// Metrics that tell of one thing: a section of the documentation.
    public struct Area: Sendable {
        public let title: String
        /// What they tell of, and when their series exist.
        public let note: String
        public let metrics: [Metric]

        public init(_ title: String, _ note: String, _ metrics: [Metric]) {
            self.title = title
            self.note = note
            self.metrics = metrics
        }
    }

    /// What every program with a router has, area by area. Each is declared beside what counts it.
    public static let coreAreas: [Area] = [
        watermillArea, flowArea, attemptsArea, destinationArea, destinationLimitsArea, breakerArea, retryArea,
        throttleArea, poisonArea, deduplicationArea, delayOnErrorArea, instantAckArea, ignoreErrorsArea, randomFailArea,
    ]
}
