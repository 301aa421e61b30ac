import Foundation
import GatewayTestSupport
import Sluice
import SluiceTesting
import Testing

@testable import SluiceGateway

extension EndToEnd {
    /// The program where the system allows little, and what it leaves on the disk.
    @Suite(.enabled(if: SluiceProcess.executable != nil, "the program is not built"))
    struct ProcessLimitsTests {
        @Test(.timeLimit(.minutes(10)), arguments: [true, false])
        func aFloodOfIdleConnectionsLeavesTheProbesTheirShare(_ floodsWebhooks: Bool) async throws {
            let directory = try TemporaryDirectory()
            let process = try SluiceProcess([:], in: directory, after: "ulimit -n 64")
            let client = try await process.client()
            let port = floodsWebhooks ? client.webhooksPort : client.metricsPort
            let flood = (0..<60).map { _ in IdleConnection(port: port) }
            let before = process.processorTime
            let start = ContinuousClock.now
            for path in ["/healthz", "/readyz", "/metrics"] {
                #expect(
                    try await client.send("GET", path, port: client.metricsPort, type: nil).status == 200, "\(path)")
            }
            #expect(try await client.push([StubCommit()]).status == 202)
            try await eventually("a second passes") { ContinuousClock.now - start > .seconds(1) }
            // A loop that finds the listening socket readable again and again would take all of a core.
            let share = (process.processorTime - before).inSeconds / (ContinuousClock.now - start).inSeconds
            #expect(share < 0.4)
            #expect(process.errors.contains("idle ones are closed to make room"))
            for connection in flood { connection.close() }
            process.signal(SIGTERM)
            #expect(try await process.exitStatus() == 0)
        }

        @Test(arguments: ["ulimit -n 24", "ulimit -n 12", "ulimit -v 300000", "ulimit -v 900000"])
        func tooLittleIsSaidAtOnceAndEndsTheProgram(_ limit: String) async throws {
            let directory = try TemporaryDirectory()
            let process = try SluiceProcess([:], in: directory, after: limit)
            #expect(try await process.exitStatus() == 78)
            let lines = process.errors.split(separator: "\n")
            #expect(lines.count == 1, "\(lines)")
            #expect(lines.first?.hasPrefix("the limit on ") == true)
            #expect(lines.first?.contains("expected at least ") == true)
        }

        @Test func filesAreForTheirOwnerAlone() async throws {
            let directory = try TemporaryDirectory()
            let data = directory.path + "/data"
            try FileManager.default.createDirectory(
                atPath: data, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
            // As the first release left it.
            let old = "\(data)/events.sqlite-owners"
            #expect(FileManager.default.createFile(atPath: old, contents: nil, attributes: [.posixPermissions: 0o644]))
            let process = try SluiceProcess([:], in: directory, after: "umask 022")
            let client = try await process.client()
            #expect(try await client.push([StubCommit()]).status == 202)
            let names = try FileManager.default.contentsOfDirectory(atPath: data)
            #expect(
                Set(names).isSuperset(of: [
                    "events.sqlite", "events.sqlite-wal", "events.sqlite-shm", "events.sqlite-owners",
                    "deployments.sqlite",
                ]))
            for name in names { #expect(mode("\(data)/\(name)") == 0o600, "\(name)") }
            #expect(mode(data) == 0o755)
            #expect(process.errors.contains("can be read by other users (mode 0755)"))
        }

        @Test func aDirectoryThatIsMadeIsForItsOwnerAlone() throws {
            let directory = try TemporaryDirectory()
            let path = directory.path + "/a/b"
            try #expect(DataDirectory(path).warnings.isEmpty)
            #expect(mode(path) == 0o700)
            try FileManager.default.setAttributes([.posixPermissions: 0o770], ofItemAtPath: path)
            try #expect(
                DataDirectory(path).warnings.first?.contains("can be changed by other users (mode 0770)") == true)
            #expect(mode(path) == 0o770)
        }

        private func mode(_ path: String) -> Int? {
            (try? FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? NSNumber)?.intValue
        }
    }
}

/// A connection that says nothing.
private final class IdleConnection: Sendable {
    private let descriptor: Int32

    init(port: Int) {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        address.sin_addr.s_addr = in_addr_t(UInt32(0x7F00_0001).bigEndian)
        _ = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    func close() {
        Glibc.close(descriptor)
    }
}

struct ConnectionBudgetTests {
    private func budget(_ openFiles: Int?, loops: Int = 2, _ configure: (inout GatewayConfiguration) -> Void = { _ in })
        -> ConnectionBudget
    {
        var configuration = GatewayConfiguration()
        configure(&configuration)
        return ConnectionBudget(openFiles: openFiles, loops: loops, for: configuration)
    }

    @Test func metricsHaveTheirShareAndWebhooksTheRest() {
        for limit in 50..<5_000 {
            let budget = budget(limit)
            #expect(budget.needed == 50)
            #expect(budget.webhooks >= 4 && budget.metrics >= 4 && budget.spare >= 2)
            #expect(budget.webhooks + budget.metrics + 2 * budget.spare + 38 <= limit)
        }
        #expect(budget(nil).webhooks == 16_384 && budget(nil).metrics == 64)
        #expect(budget(1 << 20).webhooks == 16_384)
    }

    @Test func whatIsConfiguredNeedsMore() throws {
        let kafka = try GatewayConfiguration(environment: ["KAFKA_BROKERS": "127.0.0.1:9092"])
        let amqp = try GatewayConfiguration(environment: ["AMQP_URI": "amqp://localhost"])
        #expect(ConnectionBudget(openFiles: 64, loops: 2, for: kafka).needed > 64)
        #expect(ConnectionBudget(openFiles: 64, loops: 2, for: amqp).needed == 58)
        #expect(budget(64) { $0.slack = SlackSink(webhook: Secret("https://x")) }.needed == 54)
        #expect(budget(64, loops: 16).needed == 92)
    }

    @Test func moreCoresNeedMoreAddressSpace() throws {
        let plain = GatewayConfiguration()
        let kafka = try GatewayConfiguration(environment: ["KAFKA_BROKERS": "127.0.0.1:9092"])
        let needed = ProcessLimits.neededAddressSpace(for: plain, cores: 2)
        #expect(needed < 2 << 30)
        #expect(ProcessLimits.neededAddressSpace(for: plain, cores: 64) > needed)
        #expect(ProcessLimits.neededAddressSpace(for: kafka, cores: 2) > needed)
    }
}
