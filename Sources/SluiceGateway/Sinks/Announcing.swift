import Sluice

/// A kind of sink to which the gateway also tells what happens to itself, such as a reload: it shows beside the events.
protocol Announcing: SinkOptions {
    /// Tells it once; what fails is not tried again.
    func announce(_ announcement: Announcement, _ parts: SinkParts) async throws
}

/// What has happened to the gateway.
struct Announcement: Sendable {
    let time: Timestamp
    /// What it is found by: `sluice-reload`.
    let tag: String
    let text: String
}
