import Foundation
import GatewayTestSupport
import Glibc
import Sluice
import SluiceKafka
import SluicePrometheus
import SluiceTesting
import Testing

@testable import SluiceGateway

/// Runs `sluice` with these arguments on a data directory.
private func sluice(_ arguments: String..., on directory: TemporaryDirectory) async throws -> (
    status: Int32, output: String
) {
    let program = try #require(SluiceProcess.executable).path
    return try await runTool([program] + arguments + ["--data", directory.path + "/data"], in: directory)
}

extension EndToEnd {
    /// Commands that act on a gateway.
    struct ControlTests {
        private func pausedRoute(_ client: GatewayClient, _ sink: String) async throws -> Double? {
            try await client.metric("sluice_route_paused", ["handler_name": "log-to-\(sink)"])
        }

        @Test(.timeLimit(.minutes(10)))
        func aSinkThatIsPausedUnderLoadStaysSoOverAKillAndGetsEverythingOnce() async throws {
            let (grafana, directory) = (try FakeGrafana(), try TemporaryDirectory())
            let load = PushLoad(pace: .milliseconds(20))
            let environment = sinkEnvironment(grafana, nil)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<4 { group.addTask { await load.run(number) } }
                defer { load.end() }
                let first = try SluiceProcess(environment, in: directory)
                var client = try await first.client()
                load.send(to: client)
                try await eventually("annotations") { grafana.annotations.count > 20 }
                let pause = try await sluice("pause", "grafana", "--reason", "Grafana moves", on: directory)
                #expect(pause.status == 0 && pause.output.contains("grafana is paused: "), "\(pause.output)")
                let count = grafana.annotations.count
                let accepted = load.count
                try await eventually("more load") { load.count > accepted + 60 }
                #expect(grafana.annotations.count == count)
                let ready = try await client.ready()
                #expect(ready.status == 200)
                #expect(ready.text.contains("grafana: paused since 20") && ready.text.contains("(Grafana moves)"))
                #expect(!ready.text.contains("log-to-grafana"))
                #expect(try await pausedRoute(client, "grafana") == 1)
                #expect(first.errors.contains("the sink is paused"))
                let again = try await sluice("pause", "grafana", on: directory)
                #expect(again.status == 0 && again.output.contains("was paused already, since 20"), "\(again.output)")

                first.signal(SIGKILL)
                #expect(try await first.exitStatus() == -SIGKILL)
                load.send(to: nil)
                let none = try await sluice("resume", "grafana", on: directory)
                #expect(none.status == 2 && none.output.contains("no gateway that takes commands runs"))

                let second = try SluiceProcess(environment, in: directory)
                client = try await second.client()
                load.send(to: client)
                try await eventually("it is known") { second.errors.contains("paused, as it was before the start") }
                try await eventually("more load") { load.count > accepted + 120 }
                #expect(grafana.annotations.count == count)
                #expect(try await pausedRoute(client, "grafana") == 1)
                let list = try await sluice("groups", "list", on: directory)
                #expect(list.status == 0)
                #expect(list.output.contains("process \(second.identifier) (paused)"), "\(list.output)")

                let resume = try await sluice("resume", "grafana", on: directory)
                #expect(resume.status == 0 && resume.output.contains("grafana goes on: "), "\(resume.output)")
                load.send(to: nil)
                try await eventually("everything is annotated") {
                    let pushes = grafana.pushes
                    return load.accepted.allSatisfy { pushes[$0] != nil }
                }
                #expect(grafana.pushes.values.allSatisfy { $0 == 1 })
                #expect(try await pausedRoute(client, "grafana") == 0)
                #expect(
                    try await client.metric("sluice_unaccounted_messages", ["handler_name": "log-to-grafana"])
                        == 0)
                #expect(!(try await client.ready().text.contains("paused")))
                let idle = try await sluice("resume", "grafana", on: directory)
                #expect(idle.status == 0 && idle.output == "grafana was not paused\n")
                second.signal(SIGTERM)
                #expect(try await second.exitStatus() == 0)
                #expect(!FileManager.default.fileExists(atPath: directory.path + "/data/control.sock"))
            }
        }

        @Test(.timeLimit(.minutes(10)))
        func aGroupThatIsReadIsMovedAndItsRouteGoesOn() async throws {
            let (grafana, slack, directory) = (try FakeGrafana(), try FakeSlack(), try TemporaryDirectory())
            try await withGateway(in: directory, grafana: grafana, slack: slack) { gateway in
                func push() async throws -> StubCommit {
                    let commit = StubCommit()
                    #expect(try await gateway.client.push([commit]).status == 202)
                    return commit
                }
                let first = try await push()
                try await eventually("both have it") {
                    grafana.pushes[first.id] == 1 && slack.pushes[first.id] == 1
                }
                slack.behave { _ in .status(500, body: "down") }
                let missed = try await push()
                try await eventually("only Grafana has it") { grafana.pushes[missed.id] == 1 }
                let seek = try await sluice("groups", "seek", "log-to-slack", "--to", "end", on: directory)
                #expect(
                    seek.status == 0
                        && seek.output
                            == "group log-to-slack of topic events goes on behind offset 2: 0 messages wait\n",
                    "\(seek.output)")
                slack.behave { _ in .ordinary }
                let second = try await push()
                try await eventually("both have it") {
                    grafana.pushes[second.id] == 1 && slack.pushes[second.id] == 1
                }
                #expect(slack.pushes[missed.id] == nil)

                // Back: what was handled is recognised, and what was passed over comes.
                let back = try await sluice("groups", "seek", "log-to-slack", "--to", "beginning", on: directory)
                #expect(back.status == 0 && back.output.contains("behind offset 0: 3 messages wait"), "\(back.output)")
                try await eventually("what was missed") { slack.pushes[missed.id] == 1 }
                #expect(slack.pushes[first.id] == 1 && slack.pushes[second.id] == 1)

                slack.behave { _ in .status(500, body: "down") }
                let passedOver = try await push()
                try await eventually("only Grafana has it") { grafana.pushes[passedOver.id] == 1 }
                let remove = try await sluice("groups", "remove", "log-to-slack", on: directory)
                #expect(remove.status == 0, "\(remove.output)")
                #expect(remove.output.contains("is removed; its route goes on as a new one, behind offset 4"))
                slack.behave { _ in .ordinary }
                let third = try await push()
                try await eventually("both have it") {
                    grafana.pushes[third.id] == 1 && slack.pushes[third.id] == 1
                }
                #expect(slack.pushes[passedOver.id] == nil)
                let unknown = try await sluice("groups", "seek", "log-to-nowhere", "--to", "end", on: directory)
                #expect(unknown.status == 1 && unknown.output.contains("there is no group log-to-nowhere"))
                let sink = try await sluice("pause", "teams", on: directory)
                #expect(sink.status == 1 && sink.output.contains("the sinks are: grafana, slack"), "\(sink.output)")
                #expect(gateway.log.contains("a group was moved"))
            }
        }

        /// A data directory whose path leaves no room for a socket's name: 107 bytes are the most.
        @Test(.timeLimit(.minutes(10)))
        func whereTheSocketsPathIsTooLongTheProgramRunsAndCommandsSayWhy() async throws {
            let (grafana, directory) = (try FakeGrafana(), try TemporaryDirectory())
            let data = directory.path + "/" + String(repeating: "x", count: 100)
            let process = try SluiceProcess(
                sinkEnvironment(grafana, nil).merging(["SLUICE_DATA": data]) { $1 }, in: directory)
            let client = try await process.client()
            let commit = StubCommit()
            #expect(try await client.push([commit]).status == 202)
            try await eventually("the annotation") { grafana.pushes[commit.id] == 1 }
            let ready = try await client.ready()
            #expect(ready.status == 200)
            #expect(ready.text.contains("control: commands cannot reach this process"), "\(ready.text)")
            #expect(process.errors.contains("107 are the most"))
            let program = try #require(SluiceProcess.executable).path
            let pause = try await runTool([program, "pause", "grafana", "--data", data], in: directory)
            #expect(pause.status == 2 && pause.output.contains("107 are the most"), "\(pause.output)")
            process.signal(SIGTERM)
            #expect(try await process.exitStatus() == 0)
        }

        /// Nothing but the look at the user stands in the way.
        @Test(.timeLimit(.minutes(10)), .enabled(if: geteuid() == 0, "needs root"))
        func anotherUsersCommandIsRefusedByTheProgram() async throws {
            let (grafana, directory) = (try FakeGrafana(), try TemporaryDirectory())
            let process = try SluiceProcess(sinkEnvironment(grafana, nil), in: directory)
            let client = try await process.client()
            let data = directory.path + "/data"
            try await eventually("its socket") { FileManager.default.fileExists(atPath: data + "/control.sock") }
            for path in [directory.path, data] { chmod(path, 0o755) }
            chmod(data + "/control.sock", 0o666)
            let script = """
                import os, socket, sys
                os.setgid(65534); os.setuid(65534)
                s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
                try: s.sendall(b'{"version":1,"command":"sinks.pause","sink":"grafana"}\\n')
                except BrokenPipeError: pass
                sys.stdout.write(s.recv(4096).decode())
                """
            let answer = try await runTool(["python3", "-c", script, data + "/control.sock"], in: directory)
            #expect(answer.output.contains(#""code":"refused""#), "\(answer.output)")
            #expect(process.errors.contains("another user was refused at the control socket"))
            #expect(!(try await client.ready().text.contains("paused")))
            process.signal(SIGTERM)
            #expect(try await process.exitStatus() == 0)
        }

        @Test(.timeLimit(.minutes(10)))
        func twoProcessesOnOneDirectoryObeyBoth() async throws {
            let (grafana, directory) = (try FakeGrafana(), try TemporaryDirectory())
            let environment = sinkEnvironment(grafana, nil)
            let leader = try SluiceProcess(environment, in: directory)
            let client = try await leader.client()
            try await eventually("it leads") {
                try await sluice("groups", "list", on: directory).output.contains("process \(leader.identifier)")
            }
            let standby = try SluiceProcess(environment, in: directory)
            let other = try await standby.client()
            let commit = StubCommit()
            #expect(try await other.push([commit]).status == 202)
            try await eventually("the annotation") { grafana.pushes[commit.id] == 1 }

            let seek = try await sluice("groups", "seek", "log-to-grafana", "--to", "end", on: directory)
            #expect(seek.status == 0 && seek.output.contains("behind offset 1"), "\(seek.output)")
            #expect(leader.errors.contains("a group was moved") && !standby.errors.contains("a group was moved"))
            let list = try await sluice("groups", "list", on: directory)
            #expect(list.output.contains("process \(leader.identifier)"), "\(list.output)")

            let pause = try await sluice("pause", "grafana", on: directory)
            #expect(pause.status == 0 && pause.output.contains("grafana is paused"), "\(pause.output)")
            for client in [client, other] { #expect(try await client.ready().text.contains("grafana: paused since")) }
            let waiting = StubCommit()
            #expect(try await client.push([waiting]).status == 202)
            leader.signal(SIGKILL)
            #expect(try await leader.exitStatus() == -SIGKILL)
            try await eventually("the other leads") {
                try await sluice("groups", "list", on: directory).output.contains("process \(standby.identifier)")
            }
            try await Task.sleep(for: .milliseconds(500))
            #expect(grafana.pushes[waiting.id] == nil)
            let resume = try await sluice("resume", "grafana", on: directory)
            #expect(resume.status == 0 && resume.output.contains("grafana goes on"), "\(resume.output)")
            try await eventually("the annotation") { grafana.pushes[waiting.id] == 1 }
            standby.signal(SIGTERM)
            #expect(try await standby.exitStatus() == 0)
            #expect(grafana.pushes.values.allSatisfy { $0 == 1 })
        }
    }
}

extension EndToEnd {
    /// Pauses on Kafka, which every gateway of the group obeys.
    struct KafkaControlTests {
        @Test(.timeLimit(.minutes(10)))
        func aSinkThatIsPausedInOneGatewayIsSoInAllAndOverAKill() async throws {
            let (grafana, directories) = (try FakeGrafana(), [try TemporaryDirectory(), try TemporaryDirectory()])
            let kafka = try KafkaForTests()
            let environment = sinkEnvironment(grafana, nil).merging(kafka.environment) { $1 }
            let first = try SluiceProcess(environment, in: directories[0])
            let firstClient = try await first.client()
            let second = try SluiceProcess(environment, in: directories[1])
            let client = try await second.client()
            var ids: [String] = []
            func push(_ client: GatewayClient, _ count: Int) async throws {
                for number in 0..<count {
                    let commit = StubCommit()
                    #expect(try await client.push([commit], repository: "octo/\(number)").status == 202)
                    ids.append(commit.id)
                }
            }
            func delivered() -> Bool {
                let pushes = grafana.pushes
                return ids.allSatisfy { pushes[$0] != nil }
            }
            try await push(firstClient, 10)
            try await eventually("annotations") { delivered() }

            let pause = try await sluice("pause", "grafana", on: directories[0])
            #expect(pause.status == 0 && pause.output.contains("grafana is paused"), "\(pause.output)\n\(first.errors)")
            try await eventually("the other obeys") {
                try await client.ready().text.contains("grafana: paused since")
            }
            let count = grafana.annotations.count
            try await push(firstClient, 10)
            try await push(client, 10)
            first.signal(SIGKILL)
            #expect(try await first.exitStatus() == -SIGKILL)
            let third = try SluiceProcess(environment, in: directories[0])
            let thirdClient = try await third.client()
            try await eventually("what was paused is so after the start") {
                try await thirdClient.ready().text.contains("grafana: paused since")
            }
            // Longer than it takes the group to go on without the one that was killed.
            try await Task.sleep(for: .seconds(5))
            #expect(grafana.annotations.count == count)

            let resume = try await sluice("resume", "grafana", on: directories[1])
            #expect(resume.status == 0 && resume.output.contains("grafana goes on"), "\(resume.output)")
            try await eventually("everything is annotated") { delivered() }
            try await eventually("the third knows") {
                try await !thirdClient.ready().text.contains("paused")
            }
            #expect(grafana.pushes.values.allSatisfy { $0 == 1 })
            for process in [second, third] {
                process.signal(SIGTERM)
                #expect(try await process.exitStatus() == 0)
            }
        }

        /// Both gateways' routes leave the group, it is moved, and both go on; also when one of them was killed.
        @Test(.timeLimit(.minutes(10)))
        func aGroupThatTwoGatewaysReadIsMovedAndBothGoOn() async throws {
            let (grafana, slack) = (try FakeGrafana(), try FakeSlack())
            let directories = [try TemporaryDirectory(), try TemporaryDirectory()]
            let kafka = try KafkaForTests(realGroups: true)
            let environment = sinkEnvironment(grafana, slack).merging(kafka.environment) { $1 }
            let first = try SluiceProcess(environment, in: directories[0])
            let client = try await first.client()
            let second = try SluiceProcess(environment, in: directories[1])
            _ = try await second.client()
            let group = "\(kafka.topic)-log-to-slack"
            func push() async throws -> [String] {
                var ids: [String] = []
                for number in 0..<8 {
                    let commit = StubCommit()
                    #expect(try await client.push([commit], repository: "octo/\(number)").status == 202)
                    ids.append(commit.id)
                }
                return ids
            }
            func areIn(_ pushes: [String: Int], _ ids: [String]) -> Bool { ids.allSatisfy { pushes[$0] != nil } }
            func list() async throws -> String {
                try await sluice("groups", "list", on: directories[1]).output.split(separator: "\n")
                    .first { $0.contains("\(group) ") }.map(String.init) ?? ""
            }
            let before = try await push()
            try await eventually("both have them") {
                areIn(grafana.pushes, before) && areIn(slack.pushes, before)
            }
            try await eventually("two members") { try await list().contains("2 members") }

            slack.behave { _ in .status(500, body: "down") }
            let missed = try await push()
            try await eventually("only Grafana has them") { areIn(grafana.pushes, missed) }
            let seek = try await sluice("groups", "seek", "log-to-slack", "--to", "end", on: directories[0])
            #expect(
                seek.status == 0
                    && seek.output == "group \(group) of topic \(kafka.topic) goes on: 0 messages wait\n",
                "\(seek.output)\n\(first.errors)\n\(second.errors)")
            for process in [first, second] { #expect(process.errors.contains("the route has left its group")) }
            slack.behave { _ in .ordinary }
            let after = try await push()
            try await eventually("both have them") {
                areIn(grafana.pushes, after) && areIn(slack.pushes, after)
            }
            #expect(missed.allSatisfy { slack.pushes[$0] == nil })

            // One is killed: the group is moved once Kafka has given it up. What was passed over comes.
            second.signal(SIGKILL)
            #expect(try await second.exitStatus() == -SIGKILL)
            let back = try await sluice("groups", "seek", group, "--to", "beginning", on: directories[0])
            #expect(back.status == 0 && back.output.contains("goes on: "), "\(back.output)")
            try await eventually("what was passed over") { areIn(slack.pushes, missed) }

            let offset = try await sluice("groups", "seek", "log-to-slack", "--to", "7", on: directories[0])
            #expect(offset.status == 1 && offset.output.contains("each partition"), "\(offset.output)")
            let remove = try await sluice("groups", "remove", "log-to-slack", on: directories[0])
            #expect(
                remove.status == 0 && remove.output.contains("is removed; its route goes on as a new one"),
                "\(remove.output)")

            // A group that nothing reads any more.
            let topics = try KafkaTopics(kafka.client)
            try await topics.seek("\(kafka.topic)-log-to-old", of: Topic(kafka.topic), to: .end)
            let old = try await sluice("groups", "remove", "\(kafka.topic)-log-to-old", on: directories[0])
            #expect(old.status == 0 && old.output.contains("log-to-old is removed"), "\(old.output)")
            let positions = try await topics.positions(of: Topic(kafka.topic), group: "\(kafka.topic)-log-to-old")
            #expect(!positions.isEmpty && positions.values.allSatisfy { $0.committed == nil })
            await topics.close()
            let gone = try await sluice("groups", "remove", "\(kafka.topic)-log-to-old", on: directories[0])
            #expect(gone.status == 1 && gone.output.contains("there is no group"), "\(gone.output)")
            first.signal(SIGTERM)
            #expect(try await first.exitStatus() == 0)
        }
    }
}
