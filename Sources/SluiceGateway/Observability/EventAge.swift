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
            if let event = try? Event(message) {
                let now = route.time.timestamp
                let age = now.milliseconds(since: event.occurredOn)
                guard EventTime.isPlausible(event.occurredOn, at: now) else {
                    implausible[event.kind]?.increment()
                    return produced
                }
                ages[event.kind]?.observe(max(0, Double(age) / 1_000), correlationID: context.correlationID)
                if age < -60_000 { skewed.increment() }
            }
            return produced
        }
    }
}
