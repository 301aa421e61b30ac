import Sluice

/// Measures how old an event is when its sink has taken it, and counts those from the future.
struct EventAge: Middleware {
    func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
        let ages = Dictionary(
            uniqueKeysWithValues: Event.Kind.allCases.map { kind in
                (kind, route.instruments.histogram(.eventAge, [route.label, ("event_type", kind.rawValue)]))
            })
        let skewed = route.instruments.counter(.eventClockSkew, [route.label])
        let implausible = Dictionary(
            uniqueKeysWithValues: Event.Kind.allCases.map { kind in
                (kind, route.instruments.counter(.implausibleTimes, [route.label, ("event_type", kind.rawValue)]))
            })
        return { message, context in
            let produced = try await next(message, context)
            let now = route.time.timestamp
            for event in Self.events(context) {
                guard EventTime.isPlausible(event.occurredOn, at: now) else {
                    implausible[event.kind]?.increment()
                    continue
                }
                let age = now.milliseconds(since: event.occurredOn)
                ages[event.kind]?.observe(max(0, Double(age) / 1_000), correlationID: context.correlationID)
                if age < -60_000 { skewed.increment() }
            }
            return produced
        }
    }
}

extension EventAge {
    /// The one in hand, or those that are delivered as one.
    private static func events(_ context: HandlerContext) -> [Event] {
        guard context.isJoined else { return (try? EventInHand.current?.event()).map { [$0] } ?? [] }
        return context.messages.compactMap { message in try? Event(message) }
    }
}

extension Metric {
    /// From a tenth of a second to a day: how old an event is when it arrives.
    private static let ages = [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 14_400, 86_400]
    static let eventType = Label(
        "event_type", "the kind of event", values: Event.Kind.allCases.map(\.rawValue))
    static let eventAge = histogram(
        "sluice_event_age_seconds",
        labels: [.handler, eventType],
        buckets: ages,
        help: "How old an event is when a sink has taken it: from when it occurred to its delivery.")
    static let eventClockSkew = counter(
        "sluice_event_clock_skew_total",
        labels: [.handler],
        help: "Events that say they occurred more than a minute in the future.")
    static let implausibleTimes = counter(
        "sluice_implausible_times_total",
        labels: [.handler, eventType],
        help:
            "Events whose time lies before 1990 or more than a day ahead of their receipt. They enter no figure; such a "
            + "deployment is not among `sluice_deployments_total`.")
}
