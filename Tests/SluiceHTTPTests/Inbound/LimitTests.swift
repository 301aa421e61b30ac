import Sluice
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceHTTP

@Suite(.serialized) struct LimitTests {
    @Test func aBodyOf26MegabytesIs413WithAndWithoutItsLength() async throws {
        try await withHarness { harness in
            let body = [UInt8](repeating: UInt8(ascii: " "), count: 26_000_000)
            let response = try await harness.post(body)
            #expect(response.status == 413)
            #expect(isErrorLine(response, "25000000"))
            let chunked = try await harness.talk { client in
                try client.send("POST /in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
                for _ in 0..<26 {
                    guard (try? client.send(Array("F4240\r\n".utf8) + body[..<1_000_000] + [13, 10])) != nil else {
                        break
                    }
                }
                return try client.response()
            }
            #expect(chunked?.status == 413)
            #expect(harness.received.isEmpty)
            try await #expect(harness.post(Array(body[..<25_000_000])).status == 202)
            try await eventually { harness.listener.shared.bufferedBytes == 0 }
        }
    }

    @Test func aGzipBombIs413AndCostsLittle() async throws {
        // 10 GB of zeros: members in a row count as one.
        var member: [UInt8] = []
        let packing = ContinuousClock().measure { member = gzip([UInt8](repeating: 0, count: 100_000_000)) }
        var bomb: [UInt8] = []
        for _ in 0..<100 { bomb += member }
        try await withHarness { [bomb] harness in
            let before = residentMemory()
            let began = ContinuousClock.now
            let response = try await harness.post(bomb, headers: ["Content-Encoding: gzip"])
            #expect(response.status == 413)
            #expect(isErrorLine(response, "inflates"))
            // To inflate all of it takes some twenty times as long as to pack one member.
            #expect(ContinuousClock.now - began < max(.seconds(5), packing * 10))
            #expect(residentMemory() - before < 200_000_000)
            #expect(harness.received.isEmpty)
            try await #expect(harness.post("{}").status == 202)
        }
    }

    /// 25 KB stand for 25 MB, a hundred times.
    @Test(.timeLimit(.minutes(10)))
    func whatBodiesInflateToIsBoundedInTotal() async throws {
        let body = gzip([UInt8](repeating: 0x20, count: 25_000_000))
        #expect(body.count < 30_000)
        let gate = Gate()
        try await withHarness(
            { $0.maxBufferedBytes = 100 << 20 }, endpoint: { $0.answerTimeout = .seconds(300) },
            settle: { delivery in
                try? await gate.wait()
                delivery.acknowledge()
            }
        ) { harness in
            let before = residentMemory()
            let answered = Count()
            let answers = try await withThrowingTaskGroup(of: RawClient.Response.self) { group in
                for _ in 0..<100 {
                    group.addTask {
                        defer { answered.value.add(1, ordering: .relaxed) }
                        return try await harness.post(body, headers: ["Content-Encoding: gzip"])
                    }
                }
                group.addTask {
                    try await eventually("all others are answered") {
                        let held = harness.listener.shared.bufferedBytes
                        #expect(held <= 100 << 20)
                        return answered.value.load(ordering: .relaxed) >= 97 && held > 70_000_000
                    }
                    // Short ones have room all the same.
                    let memory = residentMemory() - before
                    #expect(memory < 400_000_000, "\(memory)")
                    gate.open()
                    return try await harness.post("{}")
                }
                var answers: [RawClient.Response] = []
                for try await answer in group { answers.append(answer) }
                return answers
            }
            // Three at once, and the short one.
            #expect(answers.count { $0.status == 202 } == 4 && answers.count == 101)
            let refused = answers.filter { $0.status != 202 }
            #expect(refused.allSatisfy { $0.status == 503 && $0.headers["retry-after"] == "1" })
            try await eventually { harness.listener.shared.bufferedBytes == 0 }
            try await #expect(harness.post(body, headers: ["Content-Encoding: gzip"]).status == 202)
        }
    }

    /// The client has had its answer, and the message still takes up memory.
    @Test(arguments: [true, false])
    func whatIsStillHandledIsHeldAfterItsAnswer(isGzip: Bool) async throws {
        let text = [UInt8](repeating: 0x20, count: 1_000_000)
        let (body, headers) = isGzip ? (gzip(text), ["Content-Encoding: gzip"]) : (text, [])
        let gate = Gate()
        try await withHarness(
            // Long enough for a busy machine to have inflated it.
            endpoint: { $0.answerTimeout = .seconds(3) },
            settle: { delivery in
                try? await gate.wait()
                delivery.acknowledge()
            }
        ) { harness in
            try await #expect(harness.post(body, headers: headers).status == 503)
            #expect(harness.listener.shared.bufferedBytes == 1_000_000)
            gate.open()
            harness.messages.withLock { $0 = [] }
            try await eventually { harness.listener.shared.bufferedBytes == 0 }
        }
    }

    /// What a gzip body says of its size is believed within bounds.
    @Test func aGzipBodyThatLiesAboutItsSizeIsInflatedAllTheSame() throws {
        let text = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* $0) }
        for claim: [UInt8] in [[0, 0, 0, 0], [255, 255, 255, 255], [1, 0, 0, 0]] {
            // The last member's claim alone is read beforehand; zlib holds every one of them to it.
            let body = Array(gzip(text).dropLast(4)) + claim
            var reserved = 0
            #expect(throws: GzipError.self) {
                try Gzip.inflate(body, limit: 1_000_000) { more in
                    reserved += more
                    return true
                }
            }
            #expect(reserved <= 1_000_000)
        }
        var reserved = 0
        let two = try Gzip.inflate(gzip(text) + gzip([1, 2, 3]), limit: 1_000_000) { more in
            reserved += more
            return true
        }
        #expect(two == text + [1, 2, 3])
        #expect(reserved >= two.count && reserved <= 2 * two.count)
        #expect(throws: GzipError.self) { try Gzip.inflate(gzip(text), limit: 1_000_000) { $0 < 1_000 } }
    }

    @Test func manyShortBodiesAreBoundedInTotal() async throws {
        try await withHarness({
            $0.maxBufferedBytes = 200_000; $0.maxBodyBytes = 100_000
        }) { harness in
            // All but the last byte.
            let head = "POST /in HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n"
            let body = [UInt8](repeating: 0x20, count: 59_999)
            var waiting: [RawClient] = []
            for number in 1...3 {
                waiting.append(
                    try await harness.talk { _ in
                        let client = try RawClient(port: harness.port)
                        try client.send(head)
                        try client.send(body)
                        return client
                    })
                try await eventually { harness.listener.shared.bufferedBytes == number * body.count }
            }
            let refused = try await harness.talk { client in
                try client.send(head)
                try? client.send(body)
                return try client.response()?.status
            }
            #expect(refused == 503)
            for client in waiting {
                let taken = try await harness.talk { _ in
                    try client.send([0x20])
                    return try client.response()?.status
                }
                #expect(taken == 202)
            }
            try await eventually { harness.listener.shared.bufferedBytes == 0 }
        }
    }

    @Test func gzipIsInflatedAndCorruptGzipIs400() async throws {
        try await withHarness { harness in
            let text = Array(String(repeating: "abc", count: 100_000).utf8)
            let good = gzip(text)
            try await #expect(harness.post(good, headers: ["Content-Encoding: GZIP"]).status == 202)
            #expect(harness.received.first?.payload == text)
            var broken = good
            broken[broken.count / 2] ^= 0xFF
            for corrupt in [broken, Array(good.dropLast(4)), Array(good.prefix(5)), [], text, good + [1, 2, 3]] {
                let response = try await harness.post(corrupt, headers: ["Content-Encoding: gzip"])
                #expect(response.status == 400)
                #expect(isErrorLine(response, "gzip"))
            }
            for encoding in ["br", "deflate", "gzip, gzip"] {
                let response = try await harness.post(good, headers: ["Content-Encoding: \(encoding)"])
                #expect(response.status == 415)
                #expect(response.headers["accept-encoding"] == "gzip")
            }
            try await #expect(harness.post("{}", headers: ["Content-Encoding: identity"]).status == 202)
        }
    }

    @Test func headersBeyondTheLimitAre431AndTheConnectionEnds() async throws {
        try await withHarness { harness in
            let responses = try await harness.talk { client in
                try client.send("POST /in HTTP/1.1\r\nHost: x\r\nX-Long: ")
                for _ in 0..<16 {
                    guard (try? client.send([UInt8](repeating: 97, count: 65536))) != nil else { break }
                }
                let response = try client.response()
                return (response, try client.isClosedByServer())
            }
            #expect(responses.0?.status == 431)
            #expect(responses.0.map { isErrorLine($0, "head") } == true)
            #expect(responses.1)
            let many = (0..<200).map { "X-\($0): 1" }
            try await #expect(harness.post(Array("{}".utf8), headers: many).status == 431)
            #expect(harness.seen.allSatisfy { $0.route == "unmatched" && $0.status == 431 })
        }
    }

    @Test func whatIsNoHTTPIs400() async throws {
        try await withHarness { harness in
            let requests = [
                "hello\r\n\r\n", "POST /in HTTP/1.1\r\nHost x\r\n\r\n", "\u{16}\u{3}\u{1}",
                "POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n",
                "POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "POST /in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                "POST /in HTTP/3.1\r\nHost: x\r\n\r\n", "POST /in HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
            ]
            for request in requests {
                let response = try await harness.talk { client in
                    try client.send(request)
                    return try client.response()
                }
                #expect(response?.status == 400, "\(request)")
                #expect(response.map { isErrorLine($0) } == true)
            }
        }
    }

    private func acknowledging(after gate: Gate) -> @Sendable (Delivery) -> Void {
        { delivery in
            Task {
                try? await gate.wait()
                delivery.acknowledge()
            }
        }
    }

    @Test func requestsBeyondTheLimitAre503AtOnce() async throws {
        let gate = Gate()
        try await withHarness(
            { $0.maxConcurrentRequests = 2 },
            settle: acknowledging(after: gate)
        ) { harness in
            async let first = harness.post("1")
            async let second = harness.post("2")
            try await eventually { harness.received.count == 2 }
            let third = try await harness.post("3")
            #expect(third.status == 503)
            #expect(third.headers["retry-after"] == "1")
            #expect(isErrorLine(third, "too many requests"))
            gate.open()
            try await #expect([first.status, second.status] == [202, 202])
            try await #expect(harness.post("4").status == 202)
            #expect(harness.listener.openRequests == 0)
        }
    }

    @Test func aFullSubscriptionIs503() async throws {
        try await withHarness(endpoint: { $0.capacity = 1 }, settle: nil) { harness in
            let subscription = try await harness.subscriber.subscribe(to: "/in")
            async let first = harness.post("1")
            try await eventually { subscription.count == 1 }
            let second = try await harness.post("2")
            #expect(second.status == 503)
            #expect(isErrorLine(second, "wait to be handled"))
            for delivery in try await subscription.next() ?? [] { delivery.acknowledge() }
            try await #expect(first.status == 202)
        }
    }

    @Test func connectionsBeyondTheLimitAre503WhenEveryOneIsBusy() async throws {
        let gate = Gate()
        try await withHarness(
            { $0.maxConnections = 2 },
            settle: acknowledging(after: gate)
        ) { harness in
            async let first = harness.post("1")
            async let second = harness.post("2")
            try await eventually { harness.received.count == 2 }
            try await #expect(harness.talk { try $0.response() }?.status == 503)
            gate.open()
            try await #expect([first.status, second.status] == [202, 202])
            try await eventually { harness.listener.openConnections <= 1 }
            try await #expect(harness.post("{}").status == 202)
        }
    }

    @Test func theLongestIdleConnectionMakesRoomForAnother() async throws {
        try await withHarness({ $0.maxConnections = 3 }) { harness in
            let port = harness.port
            let (first, second, third) = try await offPool {
                let clients = (try RawClient(port: port), try RawClient(port: port), try RawClient(port: port))
                // In this order, the first again at last: the second has been idle for longest.
                for client in [clients.0, clients.1, clients.2, clients.0] {
                    try client.send("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
                    #expect(try client.response()?.status == 404)
                }
                return clients
            }
            try await #expect(harness.post("{}").status == 202)
            try await offPool {
                #expect(try second.isClosedByServer())
                for client in [first, third] {
                    try client.send("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
                    #expect(try client.response()?.status == 404)
                }
            }
        }
    }

    @Test func aFloodOfIdleConnectionsLocksNoClientOut() async throws {
        try await withHarness({
            $0.maxConnections = 4
            $0.spareConnections = 2
        }) { harness in
            let port = harness.port
            let flood = try await offPool { try (0..<60).map { _ in try RawClient(port: port) } }
            // Some of the flood were closed without a word; the listener goes on all the same.
            try await eventually { harness.listener.openConnections <= 4 }
            for _ in 0..<5 { try await #expect(harness.post("{}").status == 202) }
            for client in flood { client.close() }
        }
    }

    @Test func halfRequestsKeepNoClientOut() async throws {
        try await withHarness({
            $0.maxConnections = 4
            $0.spareConnections = 2
        }) { harness in
            let port = harness.port
            let flood = try await offPool {
                try (0..<30).map { _ in
                    let client = try RawClient(port: port)
                    try client.send("POST /in HTTP/1.1\r\nX")
                    return client
                }
            }
            // Long before they time out; a client that was refused tries again.
            try await eventually { (try? await harness.post("{}").status) == 202 }
            for client in flood { client.close() }
        }
    }

    @Test func aRequestThatTakesTooLongIs408() async throws {
        try await withHarness({ $0.requestTimeout = .milliseconds(200) }) { harness in
            for start in ["POST /in HTT", "POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc"] {
                let response = try await harness.talk { client in
                    try client.send(start)
                    return (try client.response(), try client.isClosedByServer())
                }
                #expect(response.0?.status == 408)
                #expect(response.0.map { isErrorLine($0, "in time") } == true)
                #expect(response.1)
            }
        }
    }

    /// Load balancers connect before they have a request, and keep connections for a minute.
    @Test func aSilentConnectionLivesAsLongAsAnIdleOne() async throws {
        #expect(HTTPListener.Configuration().idleTimeout == .seconds(75))
        try await withHarness({
            $0.requestTimeout = .milliseconds(50)
            $0.idleTimeout = .milliseconds(400)
        }) { harness in
            let start = ContinuousClock.now
            try await #expect(harness.talk { try $0.isClosedByServer() })
            #expect(ContinuousClock.now - start >= .milliseconds(400))
            let again = try await harness.talk { client in
                try client.send("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
                let status = try client.response()?.status
                let start = ContinuousClock.now
                return (status, try client.isClosedByServer(), ContinuousClock.now - start)
            }
            #expect(again.0 == 404 && again.1 && again.2 >= .milliseconds(390))
        }
    }

    @Test func oneThousandSlowClientsHarmNoOther() async throws {
        try await withHarness({ $0.requestTimeout = .seconds(10) }) { harness in
            try await #expect(harness.post("{}").status == 202)
            let port = harness.port
            let clients = try await offPool { try (0..<1000).map { _ in try RawClient(port: port) } }
            try await eventually { harness.listener.openConnections >= 1000 }
            let before = residentMemory()
            try await offPool {
                for (index, client) in clients.enumerated() {
                    let head = "POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n"
                    try client.send(index % 2 == 0 ? head : head + "\r\n")
                }
                for _ in 0..<5 {
                    for (index, client) in clients.enumerated() { try client.send(index % 2 == 0 ? "X: y\r\n" : "x") }
                }
            }
            try await #expect(harness.post("{}").status == 202)
            // It waited for none of them to be let go.
            #expect(harness.listener.openConnections >= 1_000)
            #expect(residentMemory() - before < 100_000_000)
            // What they have sent of their bodies, and nothing for what they promise.
            #expect(harness.listener.shared.bufferedBytes <= 500 * 6)
            let timedOut = try await offPool { try clients.filter { try $0.response()?.status == 408 }.count }
            #expect(timedOut == 1000)
            for client in clients { client.close() }
            try await eventually { harness.listener.openConnections == 0 }
            #expect(harness.received.count == 2)
        }
    }
}

private final class Count: Sendable {
    let value = Atomic<Int>(0)
}
