public import Sluice

/// Sends each event as a request to any receiver: a custom template, a preset for a service, or CloudEvents.
///
/// ```swift
/// ConfiguredSink("teams", HTTPSinkOptions(preset: .teams, url: Secret(address)))
/// ConfiguredSink("audit", HTTPSinkOptions(
///     url: Secret("https://audit.example.org/{{repository}}"),
///     body: #"{"commit": "{{id}}", "what": "{{text}}"}"#))
/// ```
///
/// Without a preset and a body, the event goes as JSON: its fields, and in front of these `kind` and `event_id`. What is wrong
/// with the options is said when the sink is made.
public struct HTTPSinkOptions: SinkOptions, Hashable {
    /// The address, which counts as a secret. It may be a template: values in it are percent-encoded. Nil, the default, is the preset's own,
    /// which PagerDuty alone has.
    public var url: Secret?
    /// `POST`, the default, `PUT`, `PATCH`, `GET` or `DELETE`. The last two have no body without a template.
    public var method: String
    /// Sent with each request; the values count as secrets and are no templates. `Content-Type` also says how values are
    /// written into the body: for JSON, a form, HTML and XML, or as they are. Default none, and `application/json`.
    public var headers: [String: Secret]
    /// A Mustache template of at most 64 KiB. One that gives nothing but blanks for an event sends nothing: the event is acknowledged and
    /// counts as discarded. Nil, the default: the event as JSON.
    public var body: String?
    /// Body, answers and pace as a service wants them; instead of `body` and `cloudEvents`. Default nil.
    public var preset: Preset?
    /// The integration key of the preset PagerDuty, which needs one; a secret.
    public var routingKey: Secret?
    /// How events go as CloudEvents; nil, the default: they do not.
    public var cloudEvents: CloudEvents?
    /// What the statuses of answers mean; nil, the default: as the preset wants it, without one ``Answers/standard``.
    public var answers: Answers?
    /// Whether an address that an event has a hand in may be a private, loopback or link-local one. An address without
    /// fields in it may always be. Default false.
    public var allowsPrivateAddresses: Bool
    /// Bytes of a body, from 1,024 to 16 MiB. An event whose body is longer goes to the poison queue. Default 256 KiB.
    public var maximumBody: Int
    /// Whether requests have a header `Idempotency-Key` with the event's id, so that the receiver can recognise a second attempt. Presets have
    /// none. Default true.
    public var sendsIdempotencyKey: Bool

    public init(
        preset: Preset? = nil, url: Secret? = nil, method: String = "POST", headers: [String: Secret] = [:],
        body: String? = nil, routingKey: Secret? = nil, cloudEvents: CloudEvents? = nil, answers: Answers? = nil,
        allowsPrivateAddresses: Bool = false, maximumBody: Int = 256 << 10, sendsIdempotencyKey: Bool = true
    ) {
        self.preset = preset
        self.url = url
        self.method = method
        self.headers = headers
        self.body = body
        self.routingKey = routingKey
        self.cloudEvents = cloudEvents
        self.answers = answers
        self.allowsPrivateAddresses = allowsPrivateAddresses
        self.maximumBody = maximumBody
        self.sendsIdempotencyKey = sendsIdempotencyKey
    }

    /// As fast as the preset's service allows; without a preset as fast as the receiver takes them.
    public var throttle: Throttle? { preset?.throttle }

    public var cautions: [String] {
        guard let address = address?.reveal() else { return [] }
        var cautions: [String] = []
        if WebAddress.isClear(address) {
            cautions.append("url: the address and the headers cross the network in the clear; use https://")
        }
        if !headers.isEmpty, HTTPSinkAddress.hasTemplateInHost(address) {
            cautions.append("url: the event chooses the host, which gets the headers and what is secret in them")
        }
        return cautions
    }

    public func makeSink(_ parts: SinkParts) throws -> any Sink {
        try HTTPSink(self, parts)
    }

    /// The address that counts.
    var address: Secret? { url ?? preset?.url.map { Secret($0) } }
}
