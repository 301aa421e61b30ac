import Foundation
import GRDB
import GatewayTestSupport
import Glibc
import SluiceTesting
import Testing

extension EndToEnd {
    /// The program as a process: how it starts, refuses to start, and stops.
    struct LifecycleTests {
        @Test(arguments: [SIGTERM, SIGINT])
        func aSignalLetsWhatIsInHandFinish(signal: Int32) async throws {
            let (grafana, directory) = (try FakeGrafana(), try TemporaryDirectory())
            let gate = BlockingGate()
            defer { gate.open() }
            grafana.behave { _ in
                gate.wait()
                return .ordinary
            }
            let process = try SluiceProcess(sinkEnvironment(grafana, nil), in: directory)
            let client = try await process.client()
            let commit = StubCommit()
            #expect(try await client.push([commit]).status == 202)
            try await eventually("the annotation is on its way") { !grafana.requests.isEmpty }
            process.signal(signal)
            try await eventually("draining") {
                let ready = try? await client.ready()
                return ready?.status == 503 && ready?.text.contains("draining") == true
            }
            #expect(process.isRunning)
            gate.open()
            #expect(try await process.exitStatus() == 0, "\(process.errors)")
            #expect(grafana.pushes[commit.id] == 1)
            #expect(process.errors.contains("message=stopped"), "\(process.errors)")
        }

        /// A request whose body is still on its way when the signal comes.
        @Test func requestsInHandAreAnsweredBeforeTheEnd() async throws {
            let directory = try TemporaryDirectory()
            let process = try SluiceProcess([:], in: directory)
            let client = try await process.client()
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<200 { group.addTask { try await client.push([StubCommit()]).status } }
                var answers = 0
                var statuses: [Int: Int] = [:]
                while let result = await group.nextResult() {
                    answers += 1
                    if answers == 20 { process.signal(SIGTERM) }
                    // A connection that was refused was not taken in; one that was is answered.
                    if case .success(let status) = result { statuses[status, default: 0] += 1 }
                }
                #expect(Set(statuses.keys).isSubset(of: [202, 503]), "\(statuses)")
                #expect(statuses[202] ?? 0 >= 20)
                let exit = try await process.exitStatus()
                #expect(exit == 0, "\(process.errors)")
                // Without sinks, the console has a line for each event; those not printed are in the log.
                print("drained with answers \(statuses)")
            }
        }

        @Test func aSecondSignalEndsTheProgramAtOnce() async throws {
            let (grafana, directory) = (try FakeGrafana(), try TemporaryDirectory())
            grafana.behave { _ in .reply(.fault(.never)) }
            let process = try SluiceProcess(sinkEnvironment(grafana, nil), in: directory)
            let client = try await process.client()
            #expect(try await client.push([StubCommit()]).status == 202)
            try await eventually("the annotation is on its way") { !grafana.requests.isEmpty }
            process.signal(SIGTERM)
            try await eventually("the first signal is noticed") { process.errors.contains("a second signal") }
            process.signal(SIGINT)
            #expect(try await process.exitStatus(within: .seconds(10)) == 130)
        }

        @Test func aVariableThatIsProbablyMisspeltIsSaidOnce() async throws {
            let directory = try TemporaryDirectory()
            let process = try SluiceProcess(["SLUICE_DATTA": "x"], in: directory)
            _ = try await process.client()
            process.signal(SIGTERM)
            #expect(try await process.exitStatus() == 0)
            let lines = process.errors.split(separator: "\n").filter { $0.contains("SLUICE_DATTA is not a variable") }
            #expect(lines.count == 1 && lines.first?.contains("warning") == true, "\(process.errors)")
        }

        @Test func wrongConfigurationGivesALineForEachProblemAndStatus78() async throws {
            let directory = try TemporaryDirectory()
            let process = try SluiceProcess(
                [
                    "BIND_ADDR": "nonsense", "GRAFANA_URL": "ftp://somewhere", "SIMULATE_DEPLOYMENTS": "perhaps",
                    "SIMULATE_STAGING_DELAY": "soon", "LOG_LEVEL": "loud", "DEPLOYMENTS_TOKEN": "with space",
                ], in: directory)
            #expect(try await process.exitStatus() == 78)
            let lines = process.errors.split(separator: "\n").map(String.init)
            for name in [
                "BIND_ADDR", "GRAFANA_URL", "SIMULATE_DEPLOYMENTS", "SIMULATE_STAGING_DELAY", "LOG_LEVEL",
                "DEPLOYMENTS_TOKEN",
            ] {
                #expect(lines.contains { $0.hasPrefix("\(name): expected ") }, "\(name): \(process.errors)")
            }
            for value in ["nonsense", "ftp://", "perhaps", "soon", "loud", "with space"] {
                #expect(!process.errors.contains(value))
            }
            #expect(process.standardOutput == "")
            #expect(!FileManager.default.fileExists(atPath: directory.path + "/data"))
        }

        @Test(arguments: [":0", "0.0.0.0:0"])
        func listeningBeyondLoopbackWithoutSecretIsRefused(address: String) async throws {
            let directory = try TemporaryDirectory()
            let refused = try SluiceProcess(["BIND_ADDR": address], in: directory)
            #expect(try await refused.exitStatus() == 78)
            #expect(refused.errors.contains("GITHUB_WEBHOOK_SECRET: expected"))
            #expect(refused.errors.contains("DEPLOYMENTS_TOKEN: expected"))
            let allowed = try SluiceProcess(
                ["BIND_ADDR": address, "GITHUB_WEBHOOK_SECRET": "s", "DEPLOYMENTS_TOKEN": "t"], in: directory)
            _ = try await allowed.client()
            allowed.signal(SIGTERM)
            #expect(try await allowed.exitStatus() == 0)
        }

        @Test(arguments: ["newer", "corrupt", "foreign"])
        func aLogThatCannotBeUsedIsNamedAndLeftAsItIs(kind: String) async throws {
            let directory = try TemporaryDirectory()
            let path = directory.path + "/data/events.sqlite"
            try FileManager.default.createDirectory(
                atPath: directory.path + "/data", withIntermediateDirectories: true)
            switch kind {
            case "newer":
                let database = try DatabaseQueue(path: path)
                try await database.write { database in
                    try database.execute(
                        sql: "CREATE TABLE t (x); PRAGMA application_id = \(0x536C_7569); PRAGMA user_version = 999")
                }
                try database.close()
            case "foreign":
                let database = try DatabaseQueue(path: path)
                try await database.write { try $0.execute(sql: "CREATE TABLE t (x)") }
                try database.close()
            default: try Data(repeating: 0x58, count: 20_000).write(to: URL(fileURLWithPath: path))
            }
            let before = FileManager.default.contents(atPath: path)
            let process = try SluiceProcess([:], in: directory)
            #expect(try await process.exitStatus() == 78)
            #expect(process.errors.contains("events.sqlite"), "\(process.errors)")
            #expect(
                process.errors.contains(kind == "newer" ? "newer version" : "not a Sluice log"), "\(process.errors)")
            #expect(FileManager.default.contents(atPath: path) == before)
        }

        @Test func deploymentsOfANewerVersionAreRefused() async throws {
            let directory = try TemporaryDirectory()
            let path = directory.path + "/data/deployments.sqlite"
            try FileManager.default.createDirectory(
                atPath: directory.path + "/data", withIntermediateDirectories: true)
            let database = try DatabaseQueue(path: path)
            var migrator = DatabaseMigrator()
            migrator.registerMigration("of a later version") { try $0.execute(sql: "CREATE TABLE t (x)") }
            try migrator.migrate(database)
            try database.close()
            let process = try SluiceProcess([:], in: directory)
            #expect(try await process.exitStatus() == 78)
            #expect(process.errors.contains("deployments.sqlite cannot be used"), "\(process.errors)")
            #expect(!process.errors.contains("PRAGMA"))
        }

        @Test(arguments: ["BIND_ADDR", "METRICS_BIND_ADDR"])
        func aPortInUseIsNamed(variable: String) async throws {
            let directory = try TemporaryDirectory()
            let other = try TestHTTPServer()
            defer { other.stop() }
            let process = try SluiceProcess([variable: "127.0.0.1:\(other.port)"], in: directory)
            #expect(try await process.exitStatus() == 1)
            #expect(process.errors.contains("127.0.0.1:\(other.port)"), "\(process.errors)")
            #expect(process.errors.contains("in use"), "\(process.errors)")
            #expect(!process.errors.contains("Fatal error"))
        }

        @Test func aSecondProcessOnTheSameLogStandsByAndTakesOver() async throws {
            let (grafana, directory) = (try FakeGrafana(), try TemporaryDirectory())
            let environment = sinkEnvironment(grafana, nil)
            let first = try SluiceProcess(environment, in: directory)
            let (one, commit) = (try await first.client(), StubCommit())
            #expect(try await one.push([commit]).status == 202)
            try await eventually("the first delivers") { grafana.pushes[commit.id] == 1 }
            let second = try SluiceProcess(environment, in: directory)
            let two = try await second.client()
            let note = "log-to-grafana: stands by; another process reads the log for it"
            try await eventually("the note") { try await two.ready().text.contains(note) }
            // Webhooks that the second takes are delivered by the first.
            let other = StubCommit()
            #expect(try await two.push([other]).status == 202)
            try await eventually("the first delivers for both") { grafana.pushes[other.id] == 1 }
            first.signal(SIGKILL)
            let last = StubCommit()
            #expect(try await two.push([last]).status == 202)
            try await eventually("the second takes over") { grafana.pushes[last.id] == 1 }
            try await eventually("the note is gone") { try await !two.ready().text.contains("stands by") }
            // What the first had delivered and not yet noted when it was killed comes again: the second looks first.
            #expect(grafana.annotations.count == 3)
            second.signal(SIGTERM)
            let status = try await second.exitStatus()
            #expect(status == 0)
        }

        @Test func itIsReadySoonOnAnExistingLog() async throws {
            let directory = try TemporaryDirectory()
            try await withGateway(in: directory, slack: try FakeSlack()) { gateway in
                for _ in 0..<20 {
                    let commits = (0..<500).map { _ in StubCommit() }
                    let answer = try await gateway.client.push(commits)
                    #expect(answer.status == 202)
                }
            }
            let grafana = try FakeGrafana()
            grafana.goDown()
            let start = ContinuousClock.now
            let process = try SluiceProcess(sinkEnvironment(grafana, nil), in: directory)
            _ = try await process.client()
            // What others take of the processor meanwhile is not its own.
            let time = process.processorTime
            print("start to ready on a log of 10,000 events: \(ContinuousClock.now - start), \(time) of a processor")
            #expect(time < .seconds(3))
            process.signal(SIGTERM)
            #expect(try await process.exitStatus() == 0)
        }
    }
}
