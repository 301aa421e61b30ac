package import Sluice

/// Reads what a Slack webhook answered.
package enum SlackAnswer {
    /// Slack's words for a webhook that is revoked, or whose channel cannot be posted to: a person has to act.
    private static let sinkFaults: Set<String> = [
        "action_prohibited", "channel_is_archived", "channel_not_found", "invalid_token", "no_active_hooks",
        "no_service", "no_service_id", "no_team", "posting_to_general_channel_denied", "team_disabled",
    ]
    private static let messageFaults: Set<String> = [
        "invalid_payload", "no_text", "too_many_attachments", "invalid_blocks", "invalid_blocks_format",
        "invalid_attachments", "user_not_found",
    ]

    /// Nil when Slack took the message, else the error to throw.
    ///
    /// 401, 403, 404, 410 and the words of a revoked webhook hold the sink; 400 and 413 poison the message; everything
    /// else may pass.
    /// - Parameters:
    ///   - retryAfter: what the header Retry-After said.
    ///   - hold: how long to wait before a person may have mended the webhook.
    package static func error(
        status: Int, body: [UInt8], retryAfter: Duration? = nil, hold: Duration = .seconds(60)
    ) -> HandlerError? {
        if (200..<300).contains(status) { return nil }
        let word = word(in: body)
        switch status {
        case 400 where word.map(sinkFaults.contains) ?? false, 401, 403, 404, 410:
            let what = word ?? "status \(status)"
            return HandlerError(
                "the Slack webhook no longer accepts messages (\(what))", reason: reason(word, status),
                disposition: .hold("slack: \(what)", for: hold))
        case 400, 413:
            let what = word ?? "status \(status)"
            return HandlerError(
                "Slack refused the message (\(what))", reason: reason(word, status),
                disposition: .poison("slack: \(what)"))
        default:
            return HandlerError(
                "Slack answered with status \(status)", reason: "http_\(status)", disposition: .retry(after: retryAfter)
            )
        }
    }

    /// The body, if it is one of Slack's own words: nothing else of an answer is ever shown.
    private static func word(in body: [UInt8]) -> String? {
        guard body.count <= 64 else { return nil }
        let text = String(decoding: body, as: UTF8.self).firstLine
        return sinkFaults.contains(text) || messageFaults.contains(text) ? text : nil
    }

    private static func reason(_ word: String?, _ status: Int) -> String {
        word.map { "slack_\($0)" } ?? "http_\(status)"
    }
}
