extension Metric {
    /// Metrics that tell of one thing: a section of the documentation.
    public struct Area: Sendable {
        public let title: String
        /// What they tell of, and when their series exist.
        public let note: String
        public let metrics: [Metric]

        init(_ title: String, _ note: String, _ metrics: [Metric]) {
            self.title = title
            self.note = note
            self.metrics = metrics
        }
    }

    /// The catalogue, area by area.
    public static let areas: [Area] = pipelineAreas + policyAreas + gatewayAreas + [kafkaArea, amqpArea]

    /// Every metric that Sluice has, in the order of its documentation.
    public static let catalogue: [Metric] = areas.flatMap(\.metrics)
}
