extension HandlerContext {
    /// Waits as long as a policy says, from now on, and asks again whenever the policy changes: what waits already goes by the
    /// new number, and not at all where that time has passed.
    ///
    /// ```swift
    /// static func wrap(_ next: @escaping Handler, for route: RouteScope, by live: Live<CoolOff>) -> Handler {
    ///     { message, context in
    ///         try await context.wait(following: live, booking: .throttle) { $0.period }
    ///         return try await next(message, context)
    ///     }
    /// }
    /// ```
    /// - Parameters:
    ///   - live: the policy.
    ///   - stage: what the time is booked to.
    ///   - duration: how long the policy of now has it wait in all.
    /// - Throws: as ``sleep(for:)``.
    public func wait<Policy>(
        following live: Live<Policy>, booking stage: WaitStage, for duration: (Policy) -> Duration
    ) async throws {
        let start = route.time.now
        try await wait(following: [live.changes], booking: stage) { start.advanced(by: duration(live.policy)) }
    }

    /// Waits until a time that policies say. It is asked for again whenever one of them changes.
    /// - Parameters:
    ///   - bells: of these policies.
    ///   - due: what the policies of now say; ``MonotonicTime/longAgo`` for what is over, since "now" is later at each look.
    /// - Returns: how much longer a pause of the route made it.
    /// - Throws: what `due` throws; as ``wait(for:booking:)``.
    @discardableResult
    func wait(
        following bells: [ChangeBell], booking stage: WaitStage, until due: () throws -> MonotonicTime
    ) async throws -> Duration {
        var paused = Duration.zero
        while true {
            let pause = try await Ticket.untilChange(of: bells) { ticket -> Duration? in
                let remaining = route.time.now.duration(to: try due())
                guard remaining > .zero else { return nil }
                return try await wait(for: remaining, until: ticket, booking: stage)
            }
            guard let pause else { return paused }
            paused += pause
        }
    }
}
