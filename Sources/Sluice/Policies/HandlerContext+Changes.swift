extension HandlerContext {
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

extension MonotonicTime {
    /// Before everything.
    static let longAgo = MonotonicTime(nanoseconds: 0)
}
