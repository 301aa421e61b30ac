import Sluice

/// Something that happened to the gateway, a destination or a sink: what says since when something is as it is.
struct JournalEvent: Sendable, Equatable {
    /// A word for what has happened, as the file has it.
    struct Kind: Sendable, Hashable, CustomStringConvertible {
        let description: String

        init(_ word: String) { description = word }

        static let started = Kind("started")
        static let stopped = Kind("stopped")
        /// A process was killed, or its machine was: found at the next start.
        static let endedUncleanly = Kind("ended_uncleanly")
        /// The journal's own file could not be used.
        static let journalMadeAgain = Kind("journal_made_again")
        static let reloaded = Kind("reloaded")
        static let reloadRefused = Kind("reload_refused")
        static let paused = Kind("paused")
        static let resumed = Kind("resumed")
        static let sinkBegan = Kind("sink_began")
        static let sinkEnded = Kind("sink_ended")
        static let shut = Kind(DestinationChange.Kind.shut.description)
        static let opened = Kind(DestinationChange.Kind.opened.description)
        static let held = Kind(DestinationChange.Kind.held.description)
        static let released = Kind(DestinationChange.Kind.released.description)
        static let breakerOpened = Kind(DestinationChange.Kind.breakerOpened.description)
        static let breakerClosed = Kind(DestinationChange.Kind.breakerClosed.description)
    }

    /// Longer details are cut.
    static let longestDetail = 1_024

    let kind: Kind
    let time: Timestamp
    /// The destination or sink; for starts and ends of processes, the process.
    let subject: String
    /// In words. No secret, no payload.
    let detail: String?
    /// Until when; nil where that is not known.
    let until: Timestamp?

    init(
        _ kind: Kind, _ subject: String = "", _ detail: String? = nil, until: Timestamp? = nil,
        at time: Timestamp = .now()
    ) {
        self.kind = kind
        self.time = time
        self.subject = subject.truncated(toBytes: JournalMessage.longestText)
        self.detail = detail?.truncated(toBytes: Self.longestDetail)
        self.until = until
    }

    init(_ change: DestinationChange, at now: Timestamp = .now()) {
        self.init(
            Kind(change.kind.description), change.destination, change.reason,
            until: change.duration.map { now.advanced(by: $0) }, at: now)
    }
}
