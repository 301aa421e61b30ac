import Sluice
import SluiceHTTP
import SluiceTesting
import Synchronization
import Testing

@Suite struct AnswerTests {
    @Test func acknowledgedIs202AndTheMessageIsTheBody() async throws {
        try await withHarness { harness in
            let response = try await harness.post(#"{"a":1}"#)
            #expect(response.status == 202)
            #expect(response.body.isEmpty)
            #expect(response.headers["date"]?.hasSuffix("GMT") == true)
            #expect(harness.received.map(\.payload) == [Array(#"{"a":1}"#.utf8)])
            #expect(harness.received.first?.metadata["content_type"] == "application/json")
            #expect(harness.seen == [.init(route: "/in", method: "POST", status: 202)])
        }
    }

    @Test func bytesThatAreNoUTF8ArriveAsTheyAre() async throws {
        try await withHarness { harness in
            let bytes: [UInt8] = [0xFF, 0xFE, 0x00, 0x80, 0xC3, 0x28]
            try await #expect(harness.post(bytes).status == 202)
            #expect(harness.received.first?.payload == bytes)
        }
    }

    @Test func anUnknownPathIs404() async throws {
        try await withHarness { harness in
            let response = try await harness.post("{}", to: "/elsewhere?x=/in")
            #expect(response.status == 404)
            #expect(isErrorLine(response, "path"))
            #expect(harness.seen == [.init(route: "unmatched", method: "POST", status: 404)])
        }
    }

    @Test func aQueryIsNoPartOfThePath() async throws {
        try await withHarness { harness in
            try await #expect(harness.post("{}", to: "/in?x=1").status == 202)
            try await #expect(harness.post("{}", to: "http://test/in").status == 202)
        }
    }

    @Test(arguments: ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "BREW"])
    func anotherMethodIs405(method: String) async throws {
        try await withHarness { harness in
            let response = try await harness.post([], method: method)
            // A method that the parser does not know makes the request unreadable.
            #expect(response.status == (method == "BREW" ? 400 : 405))
            if method != "BREW" { #expect(response.headers["allow"] == "POST") }
            #expect(method == "HEAD" || isErrorLine(response))
        }
    }

    @Test func anotherContentTypeIs415AndParametersDoNotMatter() async throws {
        try await withHarness { harness in
            let response = try await harness.post(Array("{}".utf8), type: "text/plain")
            #expect(response.status == 415)
            #expect(response.headers["accept"] == "application/json")
            #expect(isErrorLine(response, "application/json"))
            try await #expect(harness.post(Array("{}".utf8), type: "Application/JSON ; charset=utf-8").status == 202)
            try await #expect(harness.post(Array("{}".utf8), type: "application/json5").status == 415)
            try await #expect(harness.post(Array("{}".utf8), type: nil).status == 202)
        }
    }

    @Test func aMissingContentTypeIs415WhereItIsRequired() async throws {
        try await withHarness(endpoint: { $0.requiresContentType = true }) { harness in
            try await #expect(harness.post(Array("{}".utf8), type: nil).status == 415)
        }
    }

    @Test func aTransientRejectionIs503WithTheDelayRoundedUp() async throws {
        struct Down: Error {}
        try await withHarness(settle: { $0.reject(after: .milliseconds(2100), because: Down()) }) { harness in
            let response = try await harness.post("{}")
            #expect(response.status == 503)
            #expect(response.headers["retry-after"] == "3")
            #expect(isErrorLine(response))
        }
    }

    @Test func aDispositionNamesTheTimeToRetry() async throws {
        let error = HandlerError("slow down", reason: "http_429", disposition: .retry(after: .seconds(17)))
        try await withHarness(settle: { $0.reject(because: error) }) { harness in
            try await #expect(harness.post("{}").headers["retry-after"] == "17")
        }
        let held = HandlerError("revoked", reason: "revoked", disposition: .hold("revoked", for: .seconds(40)))
        try await withHarness(settle: { $0.reject(because: held) }) { harness in
            let response = try await harness.post("{}")
            #expect(response.status == 503)
            #expect(response.headers["retry-after"] == "40")
        }
    }

    @Test func aPermanentRejectionIs400WithItsReason() async throws {
        let error = HandlerError("secret detail", reason: "bad", disposition: .poison(#"no field "ref""#))
        try await withHarness(settle: { $0.reject(because: error) }) { harness in
            let response = try await harness.post("{}")
            #expect(response.status == 400)
            #expect(response.body == #"{"error":"no field \"ref\""}"# + "\n")
        }
    }

    @Test func aDeliveryThatIsNeverSettledIs503() async throws {
        try await withHarness(settle: { _ in }) { harness in
            let response = try await harness.post("{}")
            #expect(response.status == 503)
            #expect(response.headers["retry-after"] == "1")
        }
    }

    @Test func withoutASubscriptionTheAnswerIs503() async throws {
        try await withHarness(settle: nil) { harness in
            let response = try await harness.post("{}")
            #expect(response.status == 503)
            #expect(response.headers["retry-after"] == "1")
            #expect(isErrorLine(response))
        }
    }

    @Test func aMessageThatIsNotSettledInTimeIs503AndMayStillSucceed() async throws {
        let settled = Gate()
        try await withHarness(
            endpoint: { $0.answerTimeout = .milliseconds(50) },
            settle: { delivery in
                try? await settled.wait()
                delivery.acknowledge()
            }
        ) { harness in
            let response = try await harness.post("{}")
            #expect(response.status == 503)
            #expect(isErrorLine(response, "in time"))
            settled.open()
        }
    }

    /// The client was told to send it again; one that has only gone may never have wanted the answer.
    @Test func whatWasAnsweredInTheMeantimeIsNotHandledAnyMore() async throws {
        let waiting = Mutex<[Delivery]>([])
        try await withHarness(
            endpoint: { $0.answerTimeout = .seconds(2) },
            settle: { delivery in waiting.withLock { $0.append(delivery) } }
        ) { harness in
            let client = try RawClient(port: harness.port)
            try client.send(
                "POST /in HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
            try await eventually { waiting.withLock(\.count) == 1 }
            client.close()
            #expect(try await harness.post("{}").status == 503)
            let deliveries = waiting.withLock(\.self)
            #expect(deliveries.map(\.isOurs) == [true, false])
            for delivery in deliveries { delivery.acknowledge() }
        }
    }

    @Test func aResourceAnswersByItself() async throws {
        let resource = HTTPResource("/healthz") { request in
            .ok(Array("alive \(request.query ?? "-")\n".utf8), contentType: "text/plain")
        }
        try await withHarness(resources: [resource]) { harness in
            let response = try await harness.post([], to: "/healthz?x", method: "GET")
            #expect(response.status == 200)
            #expect(response.body == "alive x\n")
            let head = try await harness.post([], to: "/healthz", method: "HEAD")
            #expect(head.headers["content-length"] == "8")
            let wrong = try await harness.post("{}", to: "/healthz")
            #expect(wrong.status == 405)
            #expect(wrong.headers["allow"] == "GET, HEAD")
            #expect(harness.seen.map(\.route) == ["/healthz", "/healthz", "/healthz"])
        }
    }
}
