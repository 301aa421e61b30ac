import Sluice

/// What a scenario comes to, in numbers.
struct ScenarioFigures: Sendable {
    let messages: Int
    let deliveries: Int
    let poisoned: Int
    let waiting: Int
    let attempts: Int
    /// Attempts for each message that was attempted at a sink.
    let amplification: Double
    let p50: Duration
    let p99: Duration
    let longest: Duration
    /// How much virtual time it took.
    let end: Duration

    init(_ trace: ScenarioTrace) {
        let passages = trace.passages.flatMap(\.self)
        messages = trace.messages.count
        deliveries = passages.count(where: \.isDelivered)
        poisoned = passages.count { $0.outcome == .poisoned }
        waiting = passages.count { $0.outcome == nil && $0.arrival != nil }
        attempts = trace.attempts.count
        let attempted = passages.count { !$0.attempts.isEmpty }
        amplification = attempted == 0 ? 0 : Double(attempts) / Double(attempted)
        let waits = passages.compactMap { passage in
            passage.arrival.map { (passage.end ?? trace.end) - $0 }
        }.sorted()
        func wait(_ share: Double) -> Duration { waits.isEmpty ? .zero : waits[Self.rank(share, of: waits.count)] }
        p50 = wait(0.5)
        p99 = wait(0.99)
        longest = wait(1)
        end = trace.end
    }

    /// The place, from 0, of the value that such a share of so many does not exceed (nearest rank).
    static func rank(_ share: Double, of count: Int) -> Int {
        min(count - 1, max(0, Int((share * Double(count)).rounded(.up)) - 1))
    }

    /// One line.
    var text: String {
        func plural(_ count: Int, _ one: String, _ many: String) -> String {
            "\(NumberText.grouped(count)) \(count == 1 ? one : many)"
        }
        var parts = [
            plural(messages, "event", "events"),
            "\(plural(attempts, "attempt", "attempts")) (\(NumberText.short(amplification)) each)",
            "\(NumberText.grouped(deliveries)) delivered",
        ]
        if poisoned > 0 { parts.append("\(NumberText.grouped(poisoned)) poisoned") }
        if waiting > 0 { parts.append("\(NumberText.grouped(waiting)) waiting") }
        parts.append(
            "waits p50 \(DurationText.short(p50)), p99 \(DurationText.short(p99)), longest \(DurationText.short(longest))"
        )
        parts.append("in \(DurationText.short(end))")
        return parts.joined(separator: "; ")
    }
}
