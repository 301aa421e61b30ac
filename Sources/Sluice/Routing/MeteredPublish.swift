/// A publish on behalf of a route: timed, counted, and booked to the delivery.
package struct MeteredPublish: Sendable {
    private let output: Route.Output
    private let succeeded: HistogramHandle
    private let failed: HistogramHandle
    private let published: CounterHandle
    private let isActive: Bool

    package init(_ output: Route.Output, scope: RouteScope) {
        self.output = output
        let labels = [scope.label, ("publisher_name", output.publisher.name)]
        succeeded = scope.instruments.histogram(.publishTime, labels + [("success", "true")])
        failed = scope.instruments.histogram(.publishTime, labels + [("success", "false")])
        published = scope.instruments.counter(.messagesPublished, [scope.label, ("topic", output.topic.name)])
        isActive = scope.instruments.isActive
    }

    package func publish(_ messages: [Message], trace: DeliveryTrace) async throws {
        guard isActive else { return try await output.publisher.publish(messages, to: output.topic) }
        let start = MonotonicTime.now()
        do {
            try await output.publisher.publish(messages, to: output.topic)
            let elapsed = MonotonicTime.now().nanoseconds(since: start)
            trace.book(elapsed, to: .publish)
            succeeded.observe(nanoseconds: elapsed)
            published.increment(by: Int64(messages.count))
        } catch {
            let elapsed = MonotonicTime.now().nanoseconds(since: start)
            trace.book(elapsed, to: .publish)
            failed.observe(nanoseconds: elapsed)
            throw error
        }
    }
}
