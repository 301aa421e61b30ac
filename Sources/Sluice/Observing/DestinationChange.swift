import Synchronization

/// A destination stops taking messages, or takes them again.
public struct DestinationChange: Sendable {
    /// What has happened.
    public struct Kind: Sendable, Hashable, CustomStringConvertible {
        public let description: String

        /// It has named a time, and nothing is sent before.
        public static let shut = Kind(description: "shut")
        /// The time that it named has passed. Told when the next message comes.
        public static let opened = Kind(description: "opened")
        /// It refuses everything until a person mends it.
        public static let held = Kind(description: "held")
        /// It takes messages again after a hold.
        public static let released = Kind(description: "released")
        /// Its breaker gives it a rest.
        public static let breakerOpened = Kind(description: "breaker_opened")
        /// A probe has failed: the rest goes on.
        public static let probeFailed = Kind(description: "probe_failed")
        /// Its breaker lets everything pass again.
        public static let breakerClosed = Kind(description: "breaker_closed")
        /// A person has forced the breaker, or no longer does.
        public static let breakerForced = Kind(description: "breaker_forced")
    }

    /// The destination's name.
    public let destination: String
    public let kind: Kind
    /// What it answered, such as `http_429`, or what a person has to mend; nil where there is nothing to say.
    public let reason: String?
    /// For how long it is left alone; nil where that is not known.
    public let duration: Duration?
    public let time: MonotonicTime
}

extension Destination {
    /// Has what happens to it told.
    func observe(by observer: any RouteObserver) {
        self.observer.withLock { $0 = observer }
    }

    /// Rare: looks the observer up under a lock.
    func tellObserver(_ kind: DestinationChange.Kind, _ reason: String? = nil, for duration: Duration? = nil) {
        guard let observer = observer.withLock(\.self) else { return }
        observer.changed(
            DestinationChange(destination: name, kind: kind, reason: reason, duration: duration, time: clock.now))
    }
}
