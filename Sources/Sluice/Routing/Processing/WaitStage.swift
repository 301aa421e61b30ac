/// What a message waits for within its chain: the stage to which ``HandlerContext/wait(for:booking:)`` books the time.
public struct WaitStage: Sendable, Equatable {
    let booked: DeliveryTrace.BookedStage

    /// For its turn at a rate: ``DeliveryStage/throttle``.
    public static let throttle = WaitStage(booked: .throttle)
    /// For a destination that is given a rest: ``DeliveryStage/breaker``.
    public static let breaker = WaitStage(booked: .breaker)
    /// For a slot among the attempts that a destination gets at once: ``DeliveryStage/concurrency``.
    public static let concurrency = WaitStage(booked: .concurrency)
    /// For its next attempt: ``DeliveryStage/backoff``.
    public static let backoff = WaitStage(booked: .backoff)
}
