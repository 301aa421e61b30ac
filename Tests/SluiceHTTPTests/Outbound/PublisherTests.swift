import Sluice
import SluiceTesting
import Testing

@testable import SluiceHTTP

@Suite struct PublisherTests {
    private func messages(_ count: Int) -> [Message] {
        (0..<count).map { Message(id: MessageID("id-\($0)"), metadata: ["n": "\($0)"], payload: Array("p\($0)".utf8)) }
    }

    private func publishError(_ publisher: HTTPPublisher, _ messages: [Message], to topic: Topic) async -> PublishError?
    {
        do {
            try await publisher.publish(messages, to: topic)
            return nil
        } catch {
            return error as? PublishError
        }
    }

    @Test func sendsWhatWatermillSends() async throws {
        try await withServer { server, client in
            let publisher = try HTTPPublisher(client: client)
            let message = Message(
                id: "0190163d-8694-739b-aea5-966c26f8ad91",
                metadata: ["a": "1", "name": "grün \"x\" \\ \n 😀 \u{7F}"], payload: [0, 10, 13, 255])
            try await publisher.publish([message], to: Topic(server.url("/events")))
            let request = try #require(server.requests.first)
            #expect(request.method == "POST")
            #expect(request.path == "/events")
            #expect(request.body == message.payload)
            #expect(request["Message-Uuid"] == "0190163d-8694-739b-aea5-966c26f8ad91")
            #expect(
                request["Message-Metadata"]
                    == #"{"a":"1","name":"gr\u00fcn \"x\" \\ \u000a \ud83d\ude00 \u007f"}"#)
            #expect(publisher.name == "http")
        }
    }

    @Test func sendsAnEmptyPayloadAndNoMetadata() async throws {
        try await withServer { server, client in
            let publisher = try HTTPPublisher(client: client, marshaler: .watermill(to: server.url()))
            try await publisher.publish([Message(payload: [])], to: "t")
            try await publisher.publish([], to: "t")
            #expect(server.requests.count == 1)
            #expect(server.requests.first?.body == [])
            #expect(server.requests.first?["Message-Metadata"] == "{}")
            #expect(server.requests.first?["Content-Length"] == "0")
        }
    }

    @Test func inOrderItStopsAtTheFirstFailure() async throws {
        try await withServer(
            respond: .by {
                .status($0["Message-Uuid"] == "id-2" ? 429 : 200, headers: ["Retry-After": "3"])
            }
        ) {
            server, client in
            let publisher = try HTTPPublisher(client: client, marshaler: .watermill(to: server.url(), target: "sink"))
            let error = await publishError(publisher, messages(5), to: "t")
            #expect(error?.notAccepted == ["id-2", "id-3", "id-4"])
            #expect(error?.disposition == .throttled(after: .seconds(3)))
            #expect(error?.reason == "http_429")
            #expect(error?.description == "3 messages were not accepted: sink answered 429")
            #expect(server.requests.map(\.text) == ["p0", "p1", "p2"])
            #expect(server.peakConcurrency == 1)
        }
    }

    @Test func concurrentlyItNamesThoseThatWereNotAccepted() async throws {
        try await withServer(
            respond: .by { ["id-2", "id-5"].contains($0["Message-Uuid"]) ? .status(400) : .status(201) }
        ) {
            server, client in
            var configuration = HTTPPublisher.Configuration()
            configuration.concurrency = 4
            configuration.classify = HTTPStatusError.classify(poisoning: [400])
            let publisher = try HTTPPublisher(
                client: client, marshaler: .watermill(to: server.url()), configuration: configuration)
            let error = await publishError(publisher, messages(20), to: "t")
            #expect(error?.notAccepted == ["id-2", "id-5"])
            #expect(error?.disposition == .poison("http_400"))
            #expect(server.requests.count == 20)
            #expect(server.peakConcurrency <= 4)
        }
    }

    @Test func concurrentlyAPassingFailureStopsTheRestAndWinsOverAPermanentOne() async throws {
        try await withServer(
            respond: .by { .status($0["Message-Uuid"] == "id-0" ? 400 : 503, delay: .milliseconds(1)) }
        ) {
            server, client in
            var configuration = HTTPPublisher.Configuration()
            configuration.concurrency = 2
            configuration.classify = HTTPStatusError.classify(poisoning: [400])
            let publisher = try HTTPPublisher(
                client: client, marshaler: .watermill(to: server.url()), configuration: configuration)
            let sent = messages(50)
            let error = await publishError(publisher, sent, to: "t")
            #expect(error?.notAccepted == sent.map(\.id))
            #expect(error?.disposition == .retry())
            #expect(error?.outcomeUnknown == false)
            #expect(server.requests.count < 50)
        }
    }

    @Test func aReplacedClassificationSeesTheBody() async throws {
        try await withServer(
            .with { $0.maximumBodySize = 64 }, respond: .by { _ in .status(403, body: "invalid_token") }
        ) {
            server, client in
            var configuration = HTTPPublisher.Configuration()
            configuration.classify = { response in
                response.status == 403 ? .hold(String(decoding: response.body, as: UTF8.self)) : nil
            }
            let publisher = try HTTPPublisher(
                client: client, marshaler: .watermill(to: server.url()), configuration: configuration)
            let error = await publishError(publisher, messages(1), to: "t")
            #expect(error?.disposition == .hold("invalid_token"))
            #expect(error?.reason == "invalid_token")
        }
    }

    @Test func anEndlessAnswerOfSuccessIsSuccess() async throws {
        try await withServer(
            .with { $0.maximumBodySize = 64 }, respond: .by { _ in .init(body: Array(repeating: 1, count: 9_999)) }
        ) {
            server, client in
            let publisher = try HTTPPublisher(client: client, marshaler: .watermill(to: server.url()))
            try await publisher.publish(messages(2), to: "t")
            #expect(server.requests.count == 2)
        }
    }

    @Test func aMessageThatCannotBeWrittenIsPermanent() async throws {
        try await withServer { server, client in
            let publisher = try HTTPPublisher(client: client, marshaler: .watermill(to: server.url()))
            let error = await publishError(publisher, [Message(id: "a\r\nX: 1", payload: [])], to: "t")
            #expect(error?.disposition == .poison("invalid_request"))
            #expect(server.requests.isEmpty)
        }
    }

    @Test(arguments: [400, 403, 404, 405, 410, 413, 415, 422, 501])
    func aRefusalThatDoesNotNameTheMessageHoldsTheDestination(status: Int) async throws {
        try await withServer(respond: .by { _ in .status(status, body: "<html>") }) { server, client in
            let publisher = try HTTPPublisher(client: client, marshaler: .watermill(to: server.url()))
            let error = await publishError(publisher, messages(3), to: "t")
            #expect(error?.disposition == .hold("http_\(status)"))
            #expect(error?.notAccepted.count == 3)
            #expect(server.requests.count == 1)
        }
    }

    @Test func anAddressThatIsNoneIsNotTheMessagesFault() async throws {
        try await withClient { client in
            let publisher = try HTTPPublisher(client: client, marshaler: .watermill(to: "no-address"))
            #expect(await publishError(publisher, messages(1), to: "t")?.disposition == .hold("invalid_url"))
        }
    }

    @Test func anErrorOfTheMarshalerIsTheMessages() async throws {
        try await withClient { client in
            let publisher = try HTTPPublisher(
                client: client,
                marshaler: HTTPMarshaler { _, _ in
                    throw HandlerError("no", reason: "unknown_event", disposition: .discard("unknown_event"))
                })
            #expect(await publishError(publisher, messages(2), to: "t")?.disposition == .discard("unknown_event"))
        }
    }

    @Test func cancellationIsNoFailure() async throws {
        try await withServer(respond: .by { $0["Message-Uuid"] == "id-1" ? .fault(.never) : .status(200) }) {
            server, client in
            let publisher = try HTTPPublisher(client: client, marshaler: .watermill(to: server.url()))
            let all = messages(3)
            let first = Task { try await publisher.publish([all[1]], to: "t") }
            try await server.waitForRequests(1)
            first.cancel()
            await #expect(throws: CancellationError.self) { try await first.value }

            let second = Task { await publishError(publisher, all, to: "t") }
            try await server.waitForRequests(3)
            second.cancel()
            let error = await second.value
            #expect(error?.notAccepted == ["id-1", "id-2"])
            #expect(error?.underlying is CancellationError)
        }
    }

    @Test func closingWaitsForWhatIsBeingPublished() async throws {
        let gate = BlockingGate()
        try await withServer(
            respond: .by { _ in
                gate.wait()
                return .status(200)
            }
        ) { server, client in
            let publisher = try HTTPPublisher(client: client, marshaler: .watermill(to: server.url()))
            let all = messages(3)
            let publishing = Task { try await publisher.publish(all, to: "t") }
            try await server.waitForRequests(1)
            async let closing: Void = publisher.close()
            await Task.yield()
            gate.open()
            try await publishing.value
            await closing
            await publisher.close()
            #expect(server.requests.count == 3)
            await #expect(throws: ClosedError.self) { try await publisher.publish(all, to: "t") }
            #expect(await client.failure(of: server.post())?.code == .closed)
        }
    }

    @Test func closingGivesUpAfterItsTime() async throws {
        try await withServer(.with { $0.closeTimeout = .milliseconds(50) }, respond: .by { _ in .fault(.never) }) {
            server, client in
            let publisher = try HTTPPublisher(client: client, marshaler: .watermill(to: server.url()))
            let all = messages(3)
            let publishing = Task { await publishError(publisher, all, to: "t") }
            try await server.waitForRequests(1)
            await publisher.close()
            let error = await publishing.value
            #expect(error?.notAccepted == all.map(\.id))
            #expect(error?.reason == "closed")
        }
    }
}
