import Sluice
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceHTTP

@Suite struct ClientLifecycleTests {
    @Test func cancellingTheTaskEndsTheRequestInFlight() async throws {
        try await withServer(respond: .by { _ in .fault(.never) }) { server, client in
            let task = Task { await client.failure(of: server.post()) }
            try await server.waitForRequests(1)
            task.cancel()
            let error = await task.value
            #expect(error?.code == .cancelled)
            #expect(error?.outcomeUnknown == true)
            try await server.waitForOpenConnections(atMost: 0)
        }
    }

    @Test func cancellingARequestThatWaitsSendsNothing() async throws {
        try await withServer(.with { $0.limitPerHost = 1 }, respond: .by { _ in .fault(.never) }) { server, client in
            let first = Task { await client.failure(of: server.post("/first")) }
            try await server.waitForRequests(1)
            let second = Task { await client.failure(of: server.post("/second")) }
            second.cancel()
            let error = await second.value
            #expect(error?.code == .cancelled)
            #expect(error?.outcomeUnknown == false)
            first.cancel()
            _ = await first.value
            server.respond { _ in .status(200) }
            let response = try await client.send(server.post("/third"))
            #expect(response.status == 200)
            #expect(server.requests.map(\.path) == ["/first", "/third"])
        }
    }

    @Test func cancellationAtAnyMomentEndsARequest() async throws {
        try await withServer(.with { $0.limitPerHost = 8 }, respond: .by { _ in .fault(.never) }) { server, client in
            for number in 0..<300 {
                let task = Task { await client.failure(of: server.post("/\(number)")) }
                for _ in 0..<(number % 7) { await Task.yield() }
                task.cancel()
                #expect(await task.value?.code == .cancelled)
            }
            server.respond { _ in .status(200) }
            let response = try await client.send(server.post())
            #expect(response.status == 200)
        }
    }

    @Test func closingLetsRequestsInFlightFinish() async throws {
        let gate = BlockingGate()
        try await withServer(
            respond: .by { _ in
                gate.wait()
                return .status(200)
            }
        ) { server, client in
            let request = Task { try await client.send(server.post()).status }
            try await server.waitForRequests(1)
            async let closing: Void = client.close(within: .seconds(10))
            // Refused from the moment that closing has begun; before, it would wait behind the gate.
            var refusal: HTTPClientError?
            while refusal?.code != .closed {
                refusal = await client.failure(of: server.post(timeout: .milliseconds(20)))
            }
            gate.open()
            #expect(try await request.value == 200)
            await closing
            try await server.waitForOpenConnections(atMost: 0)
        }
    }

    @Test func closingEndsWhatDoesNotFinishInTime() async throws {
        try await withServer(respond: .by { _ in .fault(.never) }) { server, client in
            let request = Task { await client.failure(of: server.post()) }
            try await server.waitForRequests(1)
            await client.close(within: .milliseconds(50))
            let error = await request.value
            #expect(error?.code == .closed)
            #expect(error?.outcomeUnknown == true)
        }
    }

    /// Between its look at the inbox and its sleep, a thread that then slept would sleep for an hour.
    @Test func closingIsSeenByAThreadThatIsAboutToSleep() throws {
        let multi = try MultiHandle(HTTPClient.Configuration())
        let inbox = Inbox<TransferLoop.Command> { multi.wake() }
        multi.beginTurn()
        #expect(inbox.closing == nil)
        inbox.close(by: MonotonicTime(nanoseconds: 1))
        let start = MonotonicTime.now()
        #expect(multi.wait(milliseconds: 60_000))
        #expect(start.duration(to: .now()) < .seconds(30))
        #expect(inbox.closing == MonotonicTime(nanoseconds: 1))
        _ = inbox.end()
        multi.close()
    }

    @Test func closesTwiceAndRefusesAfterwards() async throws {
        try await withServer { server, client in
            _ = try await client.send(server.post())
            async let first: Void = client.close()
            async let second: Void = client.close()
            _ = await (first, second)
            await client.close()
            let error = await client.failure(of: server.post())
            #expect(error?.code == .closed)
            #expect(error?.outcomeUnknown == false)
            #expect(server.requests.count == 1)
        }
    }

    @Test func aClientThatIsDroppedClosesItsConnections() async throws {
        let server = try TestHTTPServer()
        defer { server.stop() }
        for _ in 0..<20 {
            let client = try HTTPClient()
            _ = try await client.send(server.post())
        }
        try await server.waitForOpenConnections(atMost: 0)
    }

    @Test func observesEveryRequestOnce() async throws {
        let seen = Mutex<[HTTPClient.Observation]>([])
        let observe: @Sendable (HTTPClient.Observation) -> Void = { observation in
            seen.withLock { $0.append(observation) }
        }
        try await withServer(.with { $0.observe = observe }, respond: .by { .status($0.path == "/" ? 200 : 429) }) {
            server, client in
            _ = try await client.send(server.post())
            _ = try await client.send(server.post("/limited"))
            server.respond { _ in .fault(.close) }
            _ = await client.failure(of: server.post())
            _ = await client.failure(of: .init("GET", "nonsense", target: "other"))
            let observations = seen.withLock { $0 }
            #expect(observations.map(\.code) == ["200", "429", "connection_reset", "invalid_url"])
            #expect(observations.map(\.target) == ["test", "test", "test", "other"])
            #expect(observations.prefix(3).allSatisfy { $0.duration > .zero })
        }
    }
}
