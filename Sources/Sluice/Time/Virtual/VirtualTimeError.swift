/// A run in virtual time could not go on, or would not repeat.
public struct VirtualTimeError: Error, CustomStringConvertible {
    /// What went wrong.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        public let description: String

        /// No task can run and no timer is set, but the body has not ended: tasks wait for each other, or for something
        /// outside of virtual time.
        public static let deadlock = Code(description: "deadlock")
        /// A thread outside of virtual time woke a task, or a task that runs outside of it waited in it: time did not
        /// wait for that, so the run says nothing and would not repeat.
        public static let outside = Code(description: "outside")
        /// Tasks ran without end and no time passed, as when one yields in a loop.
        public static let livelock = Code(description: "livelock")
    }

    public let code: Code
    /// When it was noticed, in virtual time since the beginning.
    public let elapsed: Duration
    public let seed: UInt64

    public var description: String {
        let what =
            switch code {
            case .deadlock:
                "nothing can run and no timer is set: every task waits for another one, or for something outside of virtual"
                    + " time (a task made with `Task { }`, Task.sleep, real I/O, the main actor)"
            case .outside:
                "a task was woken, or waited, outside of virtual time, which does not wait for that: use `time.sleep(for:)`"
                    + " for Task.sleep, `time.task { }` for `Task { }`, and nothing that has threads or connections"
            default: "tasks ran without end and no time passed: one may yield in a loop instead of waiting"
            }
        return "virtual time, \(code) after \(elapsed) (seed \(seed)): \(what)"
    }
}
