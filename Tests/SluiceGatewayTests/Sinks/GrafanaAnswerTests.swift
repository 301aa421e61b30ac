import Sluice
import SluiceGateway
import SluiceHTTP
import Testing

struct GrafanaAnswerTests {
    private func disposition(_ status: Int, _ body: String, isTruncated: Bool = false) -> Disposition? {
        GrafanaAnswer.error(toPost: response(status, body, isTruncated), hold: .seconds(60))?.disposition
    }

    private func response(_ status: Int, _ body: String, _ isTruncated: Bool = false) -> HTTPClient.Response {
        HTTPClient.Response(status: status, body: Array(body.utf8), isBodyTruncated: isTruncated, target: "grafana")
    }

    private func unreadable(_ status: Int) -> Disposition {
        .hold("grafana: status \(status) that is not an answer of Grafana's API", for: .seconds(60))
    }

    @Test func believesASuccessThatIsGrafanasOwn() {
        #expect(disposition(200, #"{"id":1,"message":"Annotation added"}"#) == nil)
        #expect(disposition(200, #"{"id":1}"#) == nil)
        #expect(disposition(200, #"{"id":3,"endId":4,"message":"Annotation added"}"#) == nil)
        #expect(disposition(200, "\n{\"message\":\"Annotation added\", \"id\": 9007199254740993, \"endId\": 2}") == nil)
    }

    @Test(arguments: [
        "", "ok", "null", "[]", "{}", "<html>Log in</html>", #"{"message":"Annotation added"}"#, #"{"id":null}"#,
        #"{"id":"1"}"#, #"{"id":1"#, #"[{"id":1}]"#, #"{"message":"Unauthorized"}"#,
        #"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"Method not found"}}"#, #"{"id":101,"title":"foo"}"#,
        #"{"id":-1,"message":"Annotation added"}"#, #"{"id":1.5}"#, #"{"id":1,"id":null}"#, #"{"id":[1]}"#,
        #"{"id":1,"message":"Not Found"}"#, #"{"id":1,"message":null}"#, #"{"id":7,"status":"queued"}"#,
    ])
    func holdsASuccessThatIsNotGrafanas(body: String) {
        for status in [200, 201, 202, 204] { #expect(disposition(status, body) == unreadable(status)) }
    }

    @Test func holdsAnAnswerThatWasCutOff() {
        #expect(disposition(200, #"{"id":1}"#, isTruncated: true) == unreadable(200))
        #expect(
            disposition(400, #"{"message":"bad request data"}"#, isTruncated: true)
                == .hold("grafana_http_400", for: .seconds(60)))
    }

    @Test(arguments: [
        #"{"message":"bad request data"}"#, #"{"message":"Failed to save annotation"}"#,
        #"{"message":"Failed to save annotation","error":"text field should not be empty","traceID":""}"#,
        #"{"message":"Tags length exceeds the maximum allowed.","messageId":"annotations.tag-limit-exceeded","#
            + #""statusCode":400,"traceID":""}"#,
        #"[{"fieldNames":["text"],"classification":"RequiredError","message":"Required"}]"#,
    ])
    func poisonsOnlyWhatGrafanaNames(body: String) {
        for status in [400, 413, 422] { #expect(disposition(status, body) == .poison("http_\(status)")) }
        for status in [401, 403, 404, 405, 410] {
            #expect(disposition(status, body) == .hold("grafana_http_\(status)", for: .seconds(60)))
        }
    }

    @Test(arguments: [
        "", "invalid_payload", "<html>400 Bad Request</html>", "{}", "null", "[]", "[{}]", #"{"message":""}"#,
        #"{"message":null}"#, #"{"message":"Bad Request"}"#, #"{"message":"Request size limit exceeded"}"#,
        #"{"message":"no Route matched","request_id":"5f"}"#, #"{"error":"bad request"}"#, #"{"message":"x"} y"#,
        #"[{"message":"x","code":1}]"#,
    ])
    func holdsARefusalThatIsNotGrafanas(body: String) {
        for status in [300, 302, 400, 402, 403, 405, 406, 409, 410, 411, 413, 414, 415, 422, 451, 501, 505, 511] {
            #expect(disposition(status, body) == .hold("grafana_http_\(status)", for: .seconds(60)), "\(status)")
        }
        #expect(disposition(429, body) == .throttled())
        for status in [408, 425, 500, 502, 503, 504, 599] { #expect(disposition(status, body) == .retry()) }
    }

    @Test func readsTheAnswerToASearch() throws {
        let found = response(200, #"[{"id":8,"tags":["pushed","event:x1"]}]"#)
        #expect(try GrafanaAnswer.holds("x1", in: found, hold: .seconds(60)))
        #expect(try !GrafanaAnswer.holds("x1", in: response(200, "[]"), hold: .seconds(60)))
    }

    @Test(arguments: [
        (200, "<html>"), (200, ""), (200, "{}"), (200, #"{"message":"x"}"#), (302, ""), (204, ""),
        (400, #"{"message":"bad request data"}"#), (405, ""), (404, "[]"),
    ])
    func neverBlamesTheMessageForASearch(status: Int, body: String) {
        let error = #expect(throws: (any Error).self) {
            try GrafanaAnswer.holds("x1", in: response(status, body), hold: .seconds(60))
        }
        guard let error else { return }
        #expect(
            Disposition(of: error)
                == (status < 300 ? unreadable(status) : .hold("grafana_http_\(status)", for: .seconds(60))))
    }
}
