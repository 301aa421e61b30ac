import Sluice
import SluiceTesting
import Testing

@testable import SluiceHTTP

@Suite struct ConnectionTests {
    private let request = "POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n"

    @Test func aConnectionIsKeptAndRequestsMayBePipelined() async throws {
        try await withHarness { harness in
            let request = request
            let statuses = try await harness.talk { client in
                var statuses: [Int?] = []
                try client.send(request + "1" + request + "2" + "GET /no HTTP/1.1\r\nHost: x\r\n\r\n" + request + "3")
                for _ in 0..<4 { statuses.append(try client.response()?.status) }
                try client.send(request + "4" + request)
                statuses.append(try client.response()?.status)
                try client.send("5" + "POST /in HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
                statuses.append(try client.response()?.status)
                let last = try client.response()
                statuses.append(last?.headers["connection"] == "close" ? last?.status : nil)
                try #expect(client.isClosedByServer())
                return statuses
            }
            #expect(statuses == [202, 202, 404, 202, 202, 202, 202])
            #expect(
                harness.received.map { String(decoding: $0.payload, as: UTF8.self) } == ["1", "2", "3", "4", "5", ""])
        }
    }

    @Test func manyPipelinedRequestsAreAnsweredInOrder() async throws {
        try await withHarness { harness in
            let one = request + "x" + "GET /no HTTP/1.1\r\nHost: x\r\n\r\n"
            let statuses = try await harness.talk { client in
                for _ in 0..<10 { try client.send(String(repeating: one, count: 100)) }
                return try (0..<2000).map { _ in try client.response()?.status }
            }
            #expect(statuses == (0..<2000).map { $0 % 2 == 0 ? 202 : 404 })
            #expect(harness.received.count == 1000)
        }
    }

    @Test func aClientMayAskBeforeItSendsTheBody() async throws {
        try await withHarness { harness in
            let accepted = try await harness.talk { client in
                try client.send("POST /in HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
                let go = try client.response()?.status
                try client.send("1")
                return [go, try client.response()?.status]
            }
            #expect(accepted == [100, 202])
            let refused = try await harness.talk { client in
                try client.send("POST /no HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n")
                return try client.response()
            }
            #expect(refused?.status == 404)
            #expect(refused?.headers["connection"] == "close")
        }
    }

    @Test func aBodyMayComeInPiecesAndInChunks() async throws {
        try await withHarness { harness in
            let status = try await harness.talk { client in
                try client.send("POST /in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
                try client.send("2\r\nd")
                try client.send("e\r\n0\r\nTrailer: x\r\n\r\n")
                return try client.response()?.status
            }
            #expect(status == 202)
            #expect(harness.received.first?.payload == Array("abcde".utf8))
            let big = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
            try await #expect(harness.post(big).status == 202)
            #expect(harness.received.last?.payload == big)
        }
    }

    @Test(arguments: [false, true])
    func aClientThatGoesInTheMiddleOfABodyLeavesNothingBehind(reset: Bool) async throws {
        try await withHarness { harness in
            try await harness.talk { client in
                try client.send("POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
                try client.send([UInt8](repeating: 0, count: 300_000))
                reset ? client.reset() : client.close()
            }
            try await eventually { harness.seen == [.init(route: "/in", method: "POST", status: 499)] }
            try await eventually { harness.listener.openConnections == 0 }
            #expect(harness.listener.shared.bufferedBytes == 0)
            #expect(harness.received.isEmpty)
        }
    }

    @Test(arguments: [false, true])
    func aClientThatGoesWhileItWaitsDoesNotStopTheDelivery(reset: Bool) async throws {
        let gate = Gate()
        try await withHarness(settle: { delivery in
            try? await gate.wait()
            #expect(delivery.acknowledge())
        }) { harness in
            let request = request
            let client = try RawClient(port: harness.port)
            try client.send(request + "1")
            try await eventually { harness.received.count == 1 }
            reset ? client.reset() : client.close()
            gate.open()
            try await eventually("\(harness.listener.openConnections) connections") {
                harness.listener.openConnections == 0
            }
            #expect(harness.listener.openRequests == 0)
            #expect(harness.received.count == 1)
            #expect(harness.seen.count == 1)
            try await #expect(harness.post("2").status == 202)
        }
    }

    @Test func aClientMayEndItsSideBeforeTheAnswer() async throws {
        try await withHarness { harness in
            let request = request
            let result = try await harness.talk { client in
                try client.send(request + "1")
                client.endOutput()
                return (try client.response()?.status, try client.isClosedByServer())
            }
            #expect(result == (202, true))
        }
    }

    @Test func anUpgradeIsNotGrantedAndTheConnectionEnds() async throws {
        try await withHarness { harness in
            let response = try await harness.talk { client in
                try client.send(
                    "POST /in HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n\r\n1"
                )
                return try client.response()
            }
            #expect(response?.status == 202)
            #expect(response?.headers["connection"] == "close")
        }
    }

    @Test func aSlowReaderHoldsBackItsOwnRequestsOnly() async throws {
        let resource = HTTPResource("/big") { _ in
            .ok([UInt8](repeating: 97, count: 1_000_000), contentType: "text/plain")
        }
        try await withHarness(resources: [resource]) { harness in
            let client = try RawClient(port: harness.port)
            try await offPool {
                try client.send(String(repeating: "GET /big HTTP/1.1\r\nHost: x\r\n\r\n", count: 1000))
            }
            try await eventually { harness.seen.count >= 2 }
            try await #expect(harness.post("{}").status == 202)
            #expect(harness.seen.count < 100)
            client.close()
            try await eventually { harness.listener.openConnections == 0 }
        }
    }
}
