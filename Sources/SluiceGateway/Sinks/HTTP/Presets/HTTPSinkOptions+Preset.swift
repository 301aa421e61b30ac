import Sluice
import SluiceHTTP

extension HTTPSinkOptions {
    /// A service whose format, limits and answers are known.
    public struct Preset: Sendable, Hashable, CustomStringConvertible {
        /// Its word in a file.
        public let name: String

        /// Microsoft Teams, a webhook of Workflows: an Adaptive Card.
        public static let teams = Preset(name: "teams")
        /// Discord, a channel's webhook: a message.
        public static let discord = Preset(name: "discord")
        /// PagerDuty's change events (Events API v2). Its address is known; the EU's service region has another one.
        public static let pagerDuty = Preset(name: "pagerduty")

        public var description: String { name }

        static let all: [Preset] = [.teams, .discord, .pagerDuty]
    }
}

/// What there is to know of a preset.
protocol HTTPPreset: Sendable {
    /// Its own address; nil where each user has one.
    static var url: String? { get }
    static var answers: HTTPSinkOptions.Answers { get }
    /// How fast the service lets one webhook be used.
    static var throttle: Throttle? { get }
    static var needsRoutingKey: Bool { get }

    static func body(for delivery: SinkDelivery, routingKey: Secret?) -> [UInt8]

    /// Whether an answer that counts as a success by its status is the service's: a login page answers 200 as well.
    static func isSuccess(_ response: HTTPClient.Response) -> Bool
    /// Whether an answer that poisons by its status speaks of the event, and not of the webhook or the key.
    static func blamesEvent(_ response: HTTPClient.Response) -> Bool
    /// How long the body asks to wait; nil where it says nothing.
    static func delay(_ response: HTTPClient.Response) -> Duration?
}

extension HTTPPreset {
    static var url: String? { nil }
    static var needsRoutingKey: Bool { false }

    static func isSuccess(_ response: HTTPClient.Response) -> Bool { true }
    static func delay(_ response: HTTPClient.Response) -> Duration? { nil }
}

extension HTTPSinkOptions.Preset {
    /// Presets are the static members alone, so that each has one.
    private var known: any HTTPPreset.Type {
        switch name {
        case Self.teams.name: TeamsPreset.self
        case Self.discord.name: DiscordPreset.self
        default: PagerDutyPreset.self
        }
    }

    var url: String? { known.url }
    var answers: HTTPSinkOptions.Answers { known.answers }
    var throttle: Throttle? { known.throttle }
    var needsRoutingKey: Bool { known.needsRoutingKey }

    func body(for delivery: SinkDelivery, routingKey: Secret?) -> [UInt8] {
        known.body(for: delivery, routingKey: routingKey)
    }

    func isSuccess(_ response: HTTPClient.Response) -> Bool { known.isSuccess(response) }
    func blamesEvent(_ response: HTTPClient.Response) -> Bool { known.blamesEvent(response) }
    func delay(_ response: HTTPClient.Response) -> Duration? { known.delay(response) }
}
