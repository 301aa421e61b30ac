import Sluice
import SluiceTesting
import Testing

@testable import SluiceHTTP

@Suite struct StatusTests {
    @Test func everyStatusClassHasItsDisposition() async throws {
        let expected: [Int: Disposition?] = [
            200: nil, 201: nil, 202: nil, 204: nil,
            301: .hold("http_301"), 302: .hold("http_302"), 307: .hold("http_307"),
            400: .hold("http_400"), 401: .hold("http_401"), 403: .hold("http_403"), 404: .hold("http_404"),
            405: .hold("http_405"), 406: .hold("http_406"), 407: .hold("http_407"), 410: .hold("http_410"),
            413: .hold("http_413"), 415: .hold("http_415"), 422: .hold("http_422"), 451: .hold("http_451"),
            501: .hold("http_501"), 505: .hold("http_505"), 511: .hold("http_511"),
            408: .retry(), 425: .retry(), 429: .throttled(),
            500: .retry(), 502: .retry(), 503: .retry(), 504: .retry(), 599: .retry(),
        ]
        try await withServer(respond: .by { .status(Int($0.path.dropFirst()) ?? 0) }) { server, client in
            for (status, disposition) in expected {
                let response = try await client.send(server.post("/\(status)"))
                #expect(response.status == status)
                #expect(HTTPStatusError.classify(response) == disposition, "\(status)")
            }
        }
    }

    @Test func statusesThatAreKnownToSpeakOfTheMessagePoisonIt() {
        let classify = HTTPStatusError.classify(poisoning: [400, 413])
        func disposition(_ status: Int) -> Disposition? {
            classify(HTTPClient.Response(status: status, target: "t"))
        }
        #expect(disposition(400) == .poison("http_400"))
        #expect(disposition(413) == .poison("http_413"))
        #expect(disposition(422) == .hold("http_422"))
        #expect(disposition(500) == .retry())
        #expect(disposition(200) == nil)
    }

    @Test func doesNotFollowARedirect() async throws {
        let other = try TestHTTPServer()
        defer { other.stop() }
        let url = other.url("/elsewhere")
        try await withServer(respond: .by { _ in .status(302, headers: ["Location": url]) }) { server, client in
            let response = try await client.send(server.get())
            #expect(response.status == 302)
            #expect(other.requests.isEmpty)
            do throws(HTTPStatusError) {
                try response.requireSuccess()
                Issue.record("a redirect passed for success")
            } catch {
                #expect(error.disposition == .hold("http_302"))
                #expect(error.reason == "http_302")
            }
        }
    }

    @Test(arguments: [429, 503])
    func theServersRetryAfterBecomesTheDelay(_ status: Int) async throws {
        try await withServer(respond: .by { _ in .status(status, headers: ["retry-after": "17"]) }) { server, client in
            let response = try await client.send(server.post())
            do throws(HTTPStatusError) {
                try response.requireSuccess()
                Issue.record("\(status) passed for success")
            } catch {
                let expected: Disposition =
                    status == 429 ? .throttled(after: .seconds(17)) : .retry(after: .seconds(17))
                #expect(error.disposition == expected)
                #expect(error.reason == "http_\(status)")
                #expect(!error.outcomeUnknown)
            }
        }
    }

    @Test func readsRetryAfterInBothForms() {
        // 2026-01-01T00:00:00Z
        let now = Timestamp(millisecondsSince1970: 1_767_225_600_000)
        func delay(_ value: String, date: String? = nil) -> Duration? {
            let headers: HTTPClient.Headers =
                date.map { ["Retry-After": value, "Date": $0] }.map { .init($0) }
                ?? .init(["Retry-After": value])
            return RetryAfter.delay(in: headers, now: now)
        }
        #expect(delay("0") == .zero)
        #expect(delay("120") == .seconds(120))
        // What is too long is the destination's to cut.
        #expect(delay("3601") == .seconds(3601))
        #expect(delay("99999999999999999999999999") == .seconds(Int64.max))
        #expect(delay("Thu, 01 Jan 2026 00:01:30 GMT") == .seconds(90))
        #expect(delay("Thursday, 01-Jan-26 00:01:30 GMT") == .seconds(90))
        #expect(delay("Thu Jan  1 00:01:30 2026") == .seconds(90))
        #expect(delay("Wed, 31 Dec 2025 23:00:00 GMT") == .zero)
        #expect(delay("Fri, 01 Jan 2027 00:00:00 GMT") == .seconds(365 * 86_400))
        for (value, expected) in [
            ("0.0", .zero), ("0.2", .milliseconds(200)), ("1.5", .milliseconds(1_500)), ("2.000", .seconds(2)),
            ("2.001", .milliseconds(2_001)), (".5", .milliseconds(500)), ("7.", .seconds(7)),
            ("0.123456789", .nanoseconds(123_456_789)), ("0.1234567890000", .nanoseconds(123_456_789)),
            // Rounded up: a request that comes early is refused again.
            ("0.12345678900001", .nanoseconds(123_456_790)), ("1.9999999999", .seconds(2)),
            ("99999999999999999999.5", .seconds(Int64.max) + .milliseconds(500)),
        ] as [(String, Duration)] {
            #expect(delay(value) == expected, "\(value)")
        }
        #expect(delay("Thu, 01 Jan 2026 00:01:30.25 GMT") == .seconds(91))
        #expect(delay("Thu, 01 Jan 2026 00:01:30.000 GMT") == .seconds(90))
        #expect(delay("Thu, 01 Jan 2026 00:01:30 GMT", date: "Thu, 01 Jan 2026 00:00:00.5 GMT") == .seconds(89))
        for value in [".", "1.2.3", "1e300", "1e2", "+1", "-1.5", "1,5", "NaN", "inf", "٣"] {
            #expect(delay(value) == nil, "\(value)")
        }
        #expect(delay("") == nil)
        #expect(delay("-5") == nil)
        #expect(delay("soon") == nil)
        // The server's clock is an hour ahead; the delay is by its own.
        #expect(delay("Thu, 01 Jan 2026 01:00:10 GMT", date: "Thu, 01 Jan 2026 01:00:00 GMT") == .seconds(10))
        #expect(RetryAfter.delay(in: HTTPClient.Headers(), now: now) == nil)
    }

    @Test func aServerErrorLeavesTheOutcomeUnknownUnlessItRefused() {
        func isUnknown(_ status: Int) -> Bool {
            HTTPStatusError(status: status, target: "t", disposition: .retry()).outcomeUnknown
        }
        #expect([500, 502, 504].allSatisfy(isUnknown))
        #expect(![400, 408, 429, 501, 503].contains(where: isUnknown))
    }
}
