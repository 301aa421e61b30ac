/// A publish on behalf of a route: timed, counted, and booked to the delivery.
package struct MeteredPublish: Sendable {
    private let output: Route.Output
    private let succeeded: HistogramHandle
    private let failed: HistogramHandle
    private let published: CounterHandle
    /// What the publisher puts on other topics is counted there.
    private let sorted: (publisher: any SortingPublisher, published: [Topic: CounterHandle])?
    private let time: RouterTime

    package init(_ output: Route.Output, scope: RouteScope) {
        self.output = output
        time = scope.time
        let labels = [scope.label, ("publisher_name", output.publisher.name)]
        succeeded = scope.instruments.histogram(.publishTime, labels + [("success", "true")])
        failed = scope.instruments.histogram(.publishTime, labels + [("success", "false")])
        func counter(_ topic: Topic) -> CounterHandle {
            scope.instruments.counter(.messagesPublished, [scope.label, ("topic", topic.name)])
        }
        published = counter(output.topic)
        sorted = (output.publisher as? any SortingPublisher).flatMap { publisher in
            let others = publisher.otherTopics.filter { $0 != output.topic }
            return others.isEmpty
                ? nil : (publisher, Dictionary(uniqueKeysWithValues: others.map { ($0, counter($0)) }))
        }
    }

    /// - Parameter start: now, where the caller has just read the clock.
    /// - Returns: when the broker had taken the messages.
    @discardableResult
    package func publish(
        _ messages: [Message], at start: MonotonicTime? = nil, _ context: HandlerContext
    ) async throws -> MonotonicTime {
        let start = start ?? time.now
        do {
            try await output.publisher.publish(messages, to: output.topic)
        } catch {
            let elapsed = time.now.nanoseconds(since: start)
            context.delivery.trace.book(elapsed, to: .publish)
            if !context.isInterruption(error) { failed.observe(nanoseconds: elapsed) }
            throw error
        }
        let end = time.now
        context.delivery.trace.book(end.nanoseconds(since: start), to: .publish)
        succeeded.observe(nanoseconds: end.nanoseconds(since: start))
        count(messages)
        return end
    }

    private func count(_ messages: [Message]) {
        guard let sorted else { return published.increment(by: Int64(messages.count)) }
        var own: Int64 = 0
        for message in messages {
            let topic = sorted.publisher.destination(of: message, publishedTo: output.topic)
            if let counter = sorted.published[topic] { counter.increment() } else { own += 1 }
        }
        if own > 0 { published.increment(by: own) }
    }

    /// Publishes for a route without metrics.
    func publishUnmeasured(_ messages: [Message]) async throws {
        try await output.publisher.publish(messages, to: output.topic)
    }
}

extension Metric {
    public static let publishTime = histogram(
        "publish_time_seconds",
        labels: [.handler, Label("publisher_name", "the kind of publisher"), .success],
        buckets: Buckets.publish,
        help: "Time of each publish call.")
    public static let messagesPublished = counter(
        "sluice_messages_published_total",
        labels: [.handler, .topic],
        help: "Messages that a broker has taken from a route.")
}
