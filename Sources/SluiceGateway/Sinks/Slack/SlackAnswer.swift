package import Sluice

/// Reads what a Slack webhook answered. Only Slack's own words count: a proxy, a login page or another server at the
/// address can answer any status.
package enum SlackAnswer {
    /// Slack's words for a webhook that is revoked, or whose channel cannot be posted to: a person has to act. The
    /// user of `user_not_found` is the one that the webhook writes to: our messages name none.
    private static let sinkFaults: Set<String> = [
        "access_denied", "account_inactive", "action_prohibited", "channel_is_archived", "channel_not_found",
        "ekm_access_denied", "enterprise_is_restricted", "invalid_auth", "invalid_token", "is_archived",
        "missing_scope", "no_active_hooks", "no_permission", "no_service", "no_service_id", "no_team", "not_authed",
        "not_in_channel", "org_login_required", "posting_to_general_channel_denied", "restricted_action",
        "restricted_action_read_only_channel", "team_access_not_granted", "team_disabled", "token_expired",
        "token_revoked", "two_factor_setup_required", "user_not_found",
    ]
    private static let messageFaults: Set<String> = [
        "invalid_attachments", "invalid_blocks", "invalid_blocks_format", "invalid_payload",
        "missing_text_or_fallback_or_attachments", "msg_blocks_too_long", "msg_too_long", "no_text",
        "too_many_attachments",
    ]
    /// Words that pass whatever the status beside them.
    private static let passing: Set<String> = [
        "fatal_error", "internal_error", "request_timeout", "rollup_error", "service_unavailable", "team_added_to_org",
    ]
    /// Words that ask to slow down.
    private static let limits: Set<String> = ["message_limit_exceeded", "rate_limited", "ratelimited"]

    /// Nil when Slack took the message, else the error to throw.
    ///
    /// A 2xx with `ok`, or with JSON whose `ok` is true, is success. Slack's words for a message that it cannot take
    /// poison it. 408, 425, 429, 5xx and Slack's words for trouble of its own pass; 429 and its words for a limit are
    /// throttled. Everything else holds the sink.
    /// - Parameters:
    ///   - isTruncated: whether the body was longer than what was read of it.
    ///   - retryAfter: what the header Retry-After said.
    ///   - hold: how long to wait before a person may have mended the webhook.
    package static func error(
        status: Int, body: [UInt8], isTruncated: Bool = false, retryAfter: Duration? = nil,
        hold: Duration = .seconds(60)
    ) -> HandlerError? {
        let answer = isTruncated ? Answer.foreign : read(body)
        if (200..<300).contains(status), answer == .ok { return nil }
        switch (status, answer) {
        case (200..<500, .word(let word)) where messageFaults.contains(word):
            return HandlerError(
                "Slack refused the message (\(word))", reason: "slack_\(word)", disposition: .poison("slack: \(word)"))
        case (429, _):
            return HandlerError(
                "Slack answered with status 429", reason: "http_429", disposition: .throttled(after: retryAfter))
        case (408, _), (425, _), (500, _), (502...504, _), (506...510, _), (512..., _):
            return HandlerError(
                "Slack answered with status \(status)", reason: "http_\(status)", disposition: .retry(after: retryAfter)
            )
        case (_, .word(let word)) where limits.contains(word):
            return HandlerError(
                "Slack asks to slow down (\(word))", reason: "slack_\(word)", disposition: .throttled(after: retryAfter)
            )
        case (_, .word(let word)) where passing.contains(word):
            return HandlerError(
                "Slack is in trouble (\(word))", reason: "slack_\(word)", disposition: .retry(after: retryAfter))
        case (_, .word(let word)):
            return HandlerError(
                "the Slack webhook no longer accepts messages (\(word))", reason: "slack_\(word)",
                disposition: .hold("slack: \(word)", for: hold))
        case (200..<300, _):
            return HandlerError(
                "what answered with status \(status) is not Slack", reason: "slack_answer",
                disposition: .hold("slack: status \(status) without Slack's \"ok\"", for: hold))
        default:
            return HandlerError(
                "the Slack webhook no longer accepts messages (status \(status))", reason: "http_\(status)",
                disposition: .hold("slack: status \(status)", for: hold))
        }
    }

    private enum Answer: Equatable {
        case ok
        /// One of Slack's own words: nothing else of an answer is ever shown.
        case word(String)
        case foreign
    }

    private static func read(_ body: [UInt8]) -> Answer {
        if body.count <= 64 {
            let text = String(decoding: body.trimmed, as: UTF8.self)
            if text == "ok" { return .ok }
            if isKnown(text) { return .word(text) }
        }
        return (try? Object(body))?.answer ?? .foreign
    }

    private static func isKnown(_ word: String) -> Bool {
        sinkFaults.contains(word) || messageFaults.contains(word) || passing.contains(word)
            || limits.contains(word)
    }

    /// `{"ok": true}`, or `{"ok": false, "error": "channel_not_found"}`, as Slack's Web API answers.
    private struct Object {
        private var isOK = false
        private var word: String?
        /// Many a service answers `{"ok": true, …}`.
        private var hasForeignMembers = false

        var answer: Answer {
            if hasForeignMembers { return .foreign }
            if isOK { return word == nil ? .ok : .foreign }
            guard let word, isKnown(word) else { return .foreign }
            return .word(word)
        }

        init(_ body: [UInt8]) throws(JSONError) {
            try JSONReader.read(body) { (reader) throws(JSONError) in
                try reader.object { (key, reader) throws(JSONError) in
                    if key == "ok" {
                        isOK = reader.kind == .boolean ? try reader.boolean() : false
                    } else if key == "error" {
                        word = reader.kind == .string ? try reader.string() : nil
                    } else if !Self.isSlacks(key) {
                        hasForeignMembers = true
                    }
                }
            }
        }

        private static func isSlacks(_ key: borrowing JSONKey) -> Bool {
            key == "warning" || key == "response_metadata" || key == "needed" || key == "provided" || key == "channel"
                || key == "ts" || key == "message" || key == "errors"
        }
    }
}

extension [UInt8] {
    /// Without the blanks and line breaks around it.
    fileprivate var trimmed: ArraySlice<UInt8> {
        func isBlank(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0A, 0x0D].contains(byte) }
        let front = drop(while: isBlank)
        return front.lastIndex { !isBlank($0) }.map { front[...$0] } ?? []
    }
}
