import Dispatch

/// Calls back after a while, off the cooperative pool's sleepers: for waits that something else may end early.
package enum Timers {
    private static let queue = DispatchQueue(label: "sluice.timers", qos: .userInitiated)

    /// Calls `body` once, not before `duration` has passed. `body` must be short: all timers share one queue.
    package static func after(_ duration: Duration, _ body: @escaping @Sendable () -> Void) {
        // A century stands for ever; Dispatch's arithmetic ends soon after.
        let nanoseconds = min(duration.wholeNanoseconds, 3_155_760_000_000_000_000)
        queue.asyncAfter(deadline: .now() + .nanoseconds(Int(nanoseconds)), execute: body)
    }
}
