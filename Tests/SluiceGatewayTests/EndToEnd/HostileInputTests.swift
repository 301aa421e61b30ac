import Foundation
import GatewayTestSupport
import Glibc
import Sluice
import SluiceHTTP
import SluicePrometheus
import SluiceTesting
import Testing

@testable import SluiceGateway

extension EndToEnd {
    /// What a stranger may send to a gateway that has a secret.
    struct HostileInputTests {
        static let secret = "It's a Secret to Everybody"

        static func withSecretive(_ body: (RunningGateway, FakeGrafana) async throws -> Void) async throws {
            let (grafana, directory) = (try FakeGrafana(), try TemporaryDirectory())
            try await withGateway(
                in: directory, grafana: grafana, configure: { $0.gitHub.secret = Secret(secret) }
            ) { gateway in
                try await body(gateway, grafana)
                // Whatever it was, the gateway goes on.
                let commit = StubCommit()
                #expect(try await gateway.client.push([commit]).status == 202)
                try await eventually("the next push arrives") { grafana.pushes[commit.id] == 1 }
                #expect(!gateway.log.contains(secret))
            }
        }

        @Test func forgedAndMissingSignaturesAreRefused() async throws {
            try await Self.withSecretive { gateway, grafana in
                let body = Stub.push([StubCommit()])
                let good = Stub.signature(body, Self.secret)
                let forgeries = [
                    Stub.signature(body, "another secret"), Stub.signature(body + [0x20], Self.secret), "sha256=",
                    "", good.uppercased(), String(good.dropLast()), good + "0", String(good.dropFirst(7)),
                    "sha1=" + good.dropFirst(7), "sha256=" + String(repeating: "0", count: 64),
                    "sha256=" + String(repeating: "é", count: 64),
                ]
                for forgery in forgeries where forgery != good {
                    let answer = try await gateway.client.gitHub(body, headers: [("X-Hub-Signature-256", forgery)])
                    #expect(answer.status == 401, "\(forgery)")
                    #expect(answer.isErrorLine, "\(answer.text)")
                }
                let unsigned = try await gateway.client.send(
                    "POST", "/webhooks/github", headers: [("X-GitHub-Event", "push")], body: body)
                #expect(unsigned.status == 401)
                let root = try await gateway.client.send("POST", "/", body: body)
                #expect(root.status == 401)
                #expect(grafana.requests.isEmpty)
                let metrics = try await gateway.client.metrics()
                #expect(
                    metrics.value("sluice_http_requests_total", ["route": "/webhooks/github", "code": "401"])
                        == Double(forgeries.count + 1))
            }
        }

        @Test func aReplayedDeliveryIsAcceptedAndGivesNothingMore() async throws {
            try await Self.withSecretive { gateway, grafana in
                let commit = StubCommit()
                let body = Stub.push([commit])
                for _ in 0..<5 {
                    #expect(try await gateway.client.gitHub(body, delivery: "the-same").status == 202)
                }
                let last = StubCommit()
                #expect(try await gateway.client.push([last]).status == 202)
                try await eventually("the last push") { grafana.pushes[last.id] == 1 }
                #expect(grafana.pushes[commit.id] == 1)
            }
        }

        /// A process of its own, whose memory is its own.
        static func withProcess(_ body: (SluiceProcess, GatewayClient, FakeGrafana) async throws -> Void) async throws {
            let (grafana, directory) = (try FakeGrafana(), try TemporaryDirectory())
            let environment = sinkEnvironment(grafana, nil).merging(["GITHUB_WEBHOOK_SECRET": secret]) { $1 }
            let process = try SluiceProcess(environment, in: directory)
            let client = try await process.client(secret: secret)
            for _ in 0..<20 {
                let answer = try await client.push([StubCommit()])
                #expect(answer.status == 202)
            }
            try await body(process, client, grafana)
            let commit = StubCommit()
            #expect(try await client.push([commit]).status == 202)
            try await eventually("the next push arrives") { grafana.pushes[commit.id] == 1 }
            process.signal(SIGTERM)
            let status = try await process.exitStatus()
            #expect(status == 0)
            #expect(!process.errors.contains(secret))
        }

        @Test func bodiesThatAreTooLargeAreRefusedAndNotKept() async throws {
            try await Self.withProcess { process, client, grafana in
                let before = process.residentMemory
                // Signed rightly: only their size is wrong.
                let large = [UInt8](repeating: 0x20, count: 26_000_000)
                let bomb = try await gzippedZeros(megabytes: 200, in: try TemporaryDirectory())
                #expect(bomb.count < 1_000_000)
                for _ in 0..<5 {
                    let first = try await client.gitHub(large)
                    #expect(first.status == 413)
                    #expect(first.isErrorLine, "\(first.text)")
                    let second = try await client.gitHub(bomb, headers: [("Content-Encoding", "gzip")])
                    #expect(second.status == 413)
                    #expect(second.isErrorLine, "\(second.text)")
                }
                let growth = process.residentMemory - before
                print("memory: \(before >> 20) MiB, and \(growth >> 20) MiB more after bombs")
                #expect(growth < 100 << 20)
            }
        }

        @Test func whatIsNotAWebhookIsRefusedWithOneLineThatSaysWhy() async throws {
            try await Self.withSecretive { gateway, grafana in
                let client = gateway.client
                let malformed: [[UInt8]] = [
                    [], Array("{".utf8), Array("null".utf8), Array("[]".utf8), Array("{}".utf8), Array("\"\"".utf8),
                    Array("{\"commits\": 1}".utf8), Array("{\"commits\": [1]}".utf8),
                    Array("{\"commits\": [{\"id\": \"nothex\"}]}".utf8), [0xFF, 0xFE, 0x00],
                    Array("{\"commits\": [], \"x\": \"".utf8) + [0xC3, 0x28] + Array("\"}".utf8),
                    Array(String(repeating: "[", count: 100_000).utf8),
                    Array(String(repeating: "{\"a\":", count: 100_000).utf8),
                    Array("payload=%zz".utf8), Array("payload=".utf8),
                    Array("{\"commits\": [1e999999999999]}".utf8), [UInt8](repeating: 0, count: 1_000),
                ]
                for body in malformed {
                    let answer = try await client.gitHub(body)
                    #expect(answer.status == 400, "\(String(decoding: body.prefix(60), as: UTF8.self)): \(answer.text)")
                    #expect(answer.isErrorLine, "\(answer.text)")
                }
                for method in ["GET", "PUT", "DELETE", "PATCH"] {
                    let answer = try await client.send(method, "/webhooks/github", body: method == "GET" ? nil : [0x7B])
                    #expect(answer.status == 405, "\(method)")
                    #expect(answer.headers["Allow"]?.contains("POST") == true)
                }
                for path in ["/nowhere", "/webhooks", "/webhooks/github/x", "/metrics", "/%00"] {
                    #expect(try await client.send("POST", path, body: [0x7B]).status == 404, "\(path)")
                }
                for type in ["text/plain", "application/xml", "multipart/form-data", ""] {
                    let body = Stub.push([StubCommit()])
                    let answer = try await client.send(
                        "POST", "/webhooks/github", type: type,
                        headers: [
                            ("X-GitHub-Event", "push"), ("X-Hub-Signature-256", Stub.signature(body, Self.secret)),
                        ],
                        body: body)
                    #expect(answer.status == 415, "\(type): \(answer.text)")
                }
                #expect(grafana.requests.isEmpty)
            }
        }

        /// Of those made up for the tests, and of real ones where there are any.
        @Test func everyWebhookOfGitHubIsAccepted() async throws {
            try await Self.withSecretive { gateway, grafana in
                let all = Payload.madeUp + Payload.real
                #expect(Payload.madeUp.count >= 20)
                var (events, ignored) = (Set<MessageID>(), 0)
                for payload in all {
                    let answer = try await gateway.client.gitHub(
                        payload.body, event: payload.event, delivery: payload.file)
                    #expect(answer.status == 202, "\(payload.file): \(answer.text)")
                    switch try GitHubSource.read(Fixtures.webhook(payload.event, payload.body)) {
                    case .events(let made): events.formUnion(made.map(\.messageID))
                    case .ignored: ignored += 1
                    case .ping: break
                    }
                }
                #expect(events.count >= 4 && ignored >= 15)
                try await eventually("what gives events") { grafana.annotations.count == events.count }
                let deployed = "Commit 1f0e3dad99908345f7439f8ffabdffc4a1b2c3d4 deployed to production"
                #expect(grafana.annotations.contains { $0.text == deployed && $0.time == 1_772_449_400_000 })
                _ = try await gateway.client.metrics()  // shows at 0 what is new
                let metrics = try await gateway.client.metrics()
                let counted = metrics.samples.filter { $0.name == "sluice_webhooks_ignored_total" }
                #expect(counted.reduce(0) { $0 + $1.value } == Double(ignored))
            }
        }

        @Test func aThousandSlowClientsDoNotDisturbANormalOne() async throws {
            try await Self.withProcess { process, client, grafana in
                /// What twenty pushes cost of a processor: what others take of it meanwhile does not count.
                func pushes() async throws -> Duration {
                    let start = process.processorTime
                    for _ in 0..<20 {
                        let answer = try await client.push([StubCommit()])
                        #expect(answer.status == 202)
                    }
                    return process.processorTime - start
                }
                let alone = try await pushes()
                let before = process.residentMemory
                let clients = try SlowClients(1_000, port: client.webhooksPort)
                let beside = try await pushes()
                #expect(beside < alone * 3 + .seconds(1))
                // They waited for none of them to be let go.
                #expect(clients.silentAndOpen == clients.silent)
                clients.sendAnotherByte()
                let growth = process.residentMemory - before
                print("memory: \(before >> 20) MiB, and \(growth >> 20) MiB more for 1,000 slow clients")
                #expect(growth < 100 << 20)
                withExtendedLifetime(clients) {}
            }
        }
    }
}

/// As `gzip` makes it of nothing but zeros.
private func gzippedZeros(megabytes: Int, in directory: TemporaryDirectory) async throws -> [UInt8] {
    let file = directory.path + "/zeros"
    try Data().write(to: URL(fileURLWithPath: file))
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: file))
    // A sparse file costs nothing.
    try handle.truncate(atOffset: UInt64(megabytes) << 20)
    try handle.close()
    let result = try await runTool(["gzip", "-1", file], in: directory)
    try #require(result.status == 0)
    return Array(FileManager.default.contents(atPath: file + ".gz") ?? Data())
}

/// Connections that have sent a part of a request and no more.
private final class SlowClients {
    private var sockets: [Int32] = []

    init(_ count: Int, port: Int) throws {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        if limit.rlim_cur < 4_096 {
            limit.rlim_cur = min(limit.rlim_max, 8_192)
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        }
        for index in 0..<count {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            guard descriptor >= 0 else { throw TestFailure("socket: errno \(errno)") }
            sockets.append(descriptor)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(UInt16(port).bigEndian)
            address.sin_addr.s_addr = in_addr_t(UInt32(0x7F00_0001).bigEndian)
            let result = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            guard result == 0 else { throw TestFailure("connect: errno \(errno)") }
            // A third has sent nothing, a third a part of the head, a third a part of the body.
            let head = "POST /webhooks/github HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            let parts = ["", head, head + "Content-Length: 100\r\n\r\n{\"commits\""]
            write(parts[index % 3])
        }
    }

    deinit {
        for socket in sockets { close(socket) }
    }

    /// How many have sent nothing, and how many of these the server has not let go.
    var silent: Int { sockets.indices.count { $0 % 3 == 0 } }
    var silentAndOpen: Int {
        sockets.indices.count { index in
            var byte: UInt8 = 0
            return index % 3 == 0 && recv(sockets[index], &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) < 0
                && errno == EAGAIN
        }
    }

    func sendAnotherByte() {
        for index in sockets.indices where index % 3 != 0 {
            _ = send(sockets[index], "X", 1, Int32(MSG_NOSIGNAL))
        }
    }

    private func write(_ text: String) {
        guard let socket = sockets.last, !text.isEmpty else { return }
        _ = send(socket, text, text.utf8.count, Int32(MSG_NOSIGNAL))
    }
}
