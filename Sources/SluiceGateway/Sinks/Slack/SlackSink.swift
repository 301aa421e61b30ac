public import Sluice
import SluiceHTTP

/// Posts a message to a channel of Slack, by an incoming webhook.
public struct SlackSink: SinkOptions, Hashable {
    /// The address of the webhook, which is a secret.
    public var webhook: Secret
    /// Whether the pushes of a webhook are one message, and what is urgent goes first. Default false.
    public var digest: Bool

    public init(webhook: Secret, digest: Bool = false) {
        self.webhook = webhook
        self.digest = digest
    }

    public var digests: Bool { digest }

    /// One message a second, as Slack allows, and in order, as people read.
    public var throttle: Throttle? { Throttle(rate: 1) }

    public var cautions: [String] {
        guard WebAddress.isClear(webhook.reveal()) else { return [] }
        return [
            "\(Self.webhookOption.variable.name): the address, a secret, crosses the network in the clear; use https://"
        ]
    }

    public func makeSink(_ parts: SinkParts) -> any Sink {
        Webhook(address: webhook, parts: parts)
    }

    /// Slack says of a webhook only to a message whether it is there.
    public func tryConnection(_ parts: SinkParts) async throws -> String? {
        try await parts.connect(to: webhook.reveal()) + "; whether the webhook is there, only a message would tell"
    }

    private struct Webhook: DigestingSink {
        let address: Secret
        let parts: SinkParts

        func deliver(_ delivery: SinkDelivery) async throws {
            try await post(SlackMessage.body(for: delivery.event))
        }

        func deliver(_ deliveries: [SinkDelivery]) async throws {
            try await post(SlackMessage.digest(of: deliveries.map(\.event)))
        }

        private func post(_ body: [UInt8]) async throws {
            let post = HTTPClient.Request(
                "POST", address.reveal(), target: parts.name, headers: ["Content-Type": "application/json"],
                body: body, acceptsTruncatedBody: true)
            let response = try await parts.send(post)
            let error = SlackAnswer.error(
                status: response.status, body: response.body, isTruncated: response.isBodyTruncated,
                retryAfter: RetryAfter.delay(in: response.headers), hold: parts.hold)
            if let error { throw error }
        }
    }

    fileprivate static let webhookOption = ConfigurationOption(
        "webhook", "SLACK_WEBHOOK_URL", OptionFormat<String>.webAddress.map { Secret($0) }, isSecret: true,
        example: .hint(""),
        "The address of a Slack incoming webhook; unset: no messages")

    fileprivate static let digestOption = ConfigurationOption(
        "digest", "SLACK_DIGEST", .boolean, default: "false", effect: .route, example: .hint("true"),
        "Tell the pushes of one webhook in one message, and deployments and failures before pushes that wait")
}

extension SinkKind {
    static let slack = SinkKind(
        "slack", title: "Slack",
        summary: "Posts a message to a channel, one a second and in order, with a link to the commit",
        authentication: "the address of the incoming webhook is the secret",
        answers: SinkAnswers(
            success: "2xx with `ok`, or with JSON whose `ok` is true",
            retry: "408, 425, 429, 5xx, and Slack's words for a limit or for trouble of its own (`rate_limited`, …)",
            poison: "Slack's words for a message that it cannot take (`invalid_blocks`, `msg_too_long`, …)",
            hold: "everything else: a webhook that is revoked, a channel that is gone, an answer that is not Slack's"),
        settings: [SlackSink.webhookOption.variable, SlackSink.digestOption.variable],
        start: .start(
            "SLACK_START", "The same for Slack, which takes one message a second"),
        scenario: ScenarioSinkKind(
            name: "slack", options: SlackSink(webhook: Secret("http://slack/")), success: { _ in "ok" },
            refusal: .init(status: 400, body: "invalid_blocks"), mayDigest: true),
        read: { values in
            let digest = values.read(SlackSink.digestOption) ?? false
            if digest, !values.isSet(SlackSink.webhookOption) {
                let names = (values.name(SlackSink.digestOption), values.name(SlackSink.webhookOption))
                values.warn("\(names.0) is set without \(names.1): no messages")
            }
            return values.read(SlackSink.webhookOption).map { SlackSink(webhook: $0, digest: digest) }
        })
}
