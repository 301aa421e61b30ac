import Sluice
import SluiceGateway
import Testing

struct SlackAnswerTests {
    private func disposition(_ status: Int, _ body: String, retryAfter: Duration? = nil) -> Disposition? {
        SlackAnswer.error(status: status, body: Array(body.utf8), retryAfter: retryAfter)?.disposition
    }

    private func hold(_ what: String) -> Disposition { .hold("slack: \(what)", for: .seconds(60)) }

    @Test(arguments: [
        "ok", "ok\n", " ok\r\n", #"{"ok":true}"#, " {\"ok\" : true, \"warning\": \"x\"}\n",
        #"{"ok":true,"error":null}"#, #"{"ok":false,"ok":true}"#,
    ])
    func believesASuccessThatIsSlacksOwn(body: String) {
        #expect(disposition(200, body) == nil)
        #expect(disposition(202, body) == nil)
    }

    @Test(arguments: [
        "", " ", "OK then", "<html>Please log in</html>", "<html>ok</html>", "null", "[]", "{}", #"{"ok":"true"}"#,
        #"{"ok":1}"#, #"{"ok":null}"#, #"{"ok":true"#, #"{"ok":true} x"#, #"{"ok":false}"#, #"{"ok":false,"error":7}"#,
        #"{"ok":false,"error":"secret"}"#, #"{"message":"ok"}"#, "ok\u{0}", "\u{FEFF}<html>", "ok\nwaiting for login",
        #"{"ok":true,"result":{"message_id":7}}"#, #"{"ok":true,"db":"up"}"#,
        #"{"ok":true,"error":"channel_not_found"}"#,
    ])
    func holdsASuccessThatIsNotSlacks(body: String) {
        for status in [200, 201, 204, 299] {
            #expect(disposition(status, body) == hold("status \(status) without Slack's \"ok\""))
        }
    }

    @Test func holdsAnAnswerThatWasCutOff() {
        let error = SlackAnswer.error(status: 200, body: Array("ok".utf8), isTruncated: true)
        #expect(error?.disposition == hold("status 200 without Slack's \"ok\""))
    }

    @Test(arguments: [
        ("channel_not_found", "hold"), ("is_archived", "hold"), ("token_revoked", "hold"), ("not_in_channel", "hold"),
        ("invalid_blocks", "poison"), ("msg_too_long", "poison"), ("no_text", "poison"),
        ("ratelimited", "throttled"), ("internal_error", "retry"), ("fatal_error", "retry"),
    ])
    func readsTheWordBesideOkFalse(word: String, expected: String) {
        for status in [200, 400] {
            let body = Array(#"{"ok":false,"error":"\#(word)"}"#.utf8)
            let error = SlackAnswer.error(status: status, body: body, retryAfter: .seconds(7))
            #expect(error?.reason == "slack_\(word)")
            switch expected {
            case "hold": #expect(error?.disposition == hold(word))
            case "poison": #expect(error?.disposition == .poison("slack: \(word)"))
            case "throttled": #expect(error?.disposition == .throttled(after: .seconds(7)))
            default: #expect(error?.disposition == .retry(after: .seconds(7)))
            }
        }
    }

    @Test(arguments: [
        (403, "action_prohibited"), (403, "invalid_token"), (404, "no_service"), (404, "channel_not_found"),
        (410, "channel_is_archived"), (400, "no_team"), (400, "user_not_found"),
        (403, "posting_to_general_channel_denied"), (401, "invalid_auth"),
    ])
    func holdsASinkThatOnlyAPersonCanMend(status: Int, word: String) {
        #expect(disposition(status, word) == hold(word))
        #expect(SlackAnswer.error(status: status, body: Array(word.utf8))?.reason == "slack_\(word)")
    }

    @Test(arguments: ["invalid_payload", "no_text", "too_many_attachments", "invalid_blocks", "invalid_blocks_format"])
    func poisonsOnlyWhatSlackNames(word: String) {
        for status in [400, 413, 422] { #expect(disposition(status, word) == .poison("slack: \(word)")) }
    }

    @Test(arguments: [
        0, 300, 301, 302, 307, 400, 401, 402, 403, 404, 405, 406, 407, 409, 410, 411, 413, 414, 415, 421, 422, 431, 451,
        499, 501, 505, 511,
    ])
    func holdsEveryRefusalThatIsNotInSlacksWords(status: Int) {
        for body in ["", "<html>", "no_such_word", "ok", #"{"message":"invalid_payload"}"#, "x invalid_payload"] {
            #expect(disposition(status, body) == hold("status \(status)"), "\(body)")
        }
    }

    @Test func triesAgainWhatPasses() {
        #expect(disposition(429, "", retryAfter: .seconds(30)) == .throttled(after: .seconds(30)))
        #expect(disposition(500, "rollup_error") == .retry())
        for status in [408, 425, 500, 502, 503, 504, 520, 529, 599] { #expect(disposition(status, "x") == .retry()) }
    }

    @Test func showsNothingOfAnAnswerThatIsNotSlacks() throws {
        for status in [200, 400, 403, 500] {
            for body in ["secret", #"{"ok":false,"error":"secret"}"#] {
                let error = try #require(SlackAnswer.error(status: status, body: Array(body.utf8)))
                #expect(!"\(error) \(error.reason) \(error.disposition)".contains("secret"))
            }
        }
    }
}
