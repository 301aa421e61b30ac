import Dispatch

/// The machine's timers, off the cooperative pool's sleepers: for waits that something else may end early.
enum RealTimers {
    private static let queue = DispatchQueue(label: "sluice.timers", qos: .userInitiated)

    static func after(_ duration: Duration, _ body: @escaping @Sendable () -> Void) {
        // A century stands for ever; Dispatch's arithmetic ends soon after.
        let nanoseconds = min(duration.wholeNanoseconds, 3_155_760_000_000_000_000)
        queue.asyncAfter(deadline: .now() + .nanoseconds(Int(nanoseconds)), execute: body)
    }
}
