import Foundation
import GatewayTestSupport
import Glibc
import Logging
import ServiceLifecycle
import Sluice
import SluiceTesting
import Testing

@testable import SluiceGateway

/// The control socket with clients of every kind.
@Suite(.timeLimit(.minutes(10)))
struct ControlServerTests {
    private func withServer(
        limits: ControlConnection.Limits = .init(), patience: Duration = .seconds(30), recorder: LogRecorder = .init(),
        _ handler: @escaping ControlServer.Handler, _ body: (String, ControlServer) async throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory()
        let server = ControlServer(
            in: directory.path, limits: limits, patience: patience, logger: recorder.logger, handler: handler)
        let group = ServiceGroup(configuration: .init(services: [.init(service: server)], logger: recorder.logger))
        let running = Task { try await group.run() }
        try await eventually("it listens") { server.path != nil }
        do {
            try await body(directory.path, server)
        } catch {
            Issue.record(error)
        }
        await group.triggerGracefulShutdown()
        try await running.value
        #expect(!FileManager.default.fileExists(atPath: directory.path + "/control.sock"))
    }

    /// A connection that sends what it is told and nothing else.
    private func connect(_ directory: String) throws -> Int32 {
        switch ControlSocket.connection(to: directory + "/control.sock") {
        case .success(let descriptor):
            _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK)
            return descriptor
        case .failure(let error): throw TestFailure("it does not connect: \(error.text)")
        }
    }

    /// What has come so far; nil at the end.
    private func read(_ descriptor: Int32) -> String? {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&entry, 1, 0) > 0 else { return "" }
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let count = Glibc.read(descriptor, &buffer, buffer.count)
        return count > 0 ? String(decoding: buffer.prefix(count), as: UTF8.self) : nil
    }

    @Test func carriesRequestsOut() async throws {
        try await withServer { request in
            guard request.command == .pauseSink else { throw ControlFailure(.invalid, "no") }
            return ControlAnswer(items: [Array("{}".utf8)], text: request.arguments["sink"])
        } _: { directory, _ in
            let client = ControlClient(directory: directory)
            for _ in 0..<20 { #expect(try await client.pause("slack", reason: nil) == "slack") }
            let answer = try await client.askLeader(ControlRequest(.pauseSink, ["sink": "x"]))
            #expect(answer?.items == [Array("{}".utf8)])
            let error = await #expect(throws: CommandError.self) { try await client.resume("slack") }
            #expect(error?.description == "no" && error?.code == .invalid)
            let large = await #expect(throws: CommandError.self) {
                try await client.pause(String(repeating: "x", count: 20_000), reason: nil)
            }
            #expect(large?.description.contains("16384 bytes") == true)
        }
    }

    @Test(.enabled(if: geteuid() == 0, "needs root")) func anotherUserIsRefused() async throws {
        let recorder = LogRecorder()
        try await withServer(recorder: recorder) { _ in
            Issue.record("another user's request was carried out")
            return ControlAnswer()
        } _: { directory, _ in
            // So that nothing but the look at the user stands in the way.
            chmod(directory, 0o755)
            chmod(directory + "/control.sock", 0o666)
            let script = """
                import os, socket, sys
                os.setgid(65534); os.setuid(65534)
                s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
                try: s.sendall(b'{"version":1,"command":"groups.list"}\\n')
                except BrokenPipeError: pass
                sys.stdout.write(s.recv(4096).decode())
                """
            let answer = try await runTool(
                ["python3", "-c", script, directory + "/control.sock"], in: try TemporaryDirectory())
            #expect(answer.status == 0)
            #expect(answer.output.contains(#""code":"refused""#), "\(answer.output)")
            #expect(recorder.text.contains("another user was refused at the control socket"))
            #expect(recorder.text.contains("65534"))
        }
        // And by the mode alone.
        try await withServer { _ in
            ControlAnswer()
        } _: { directory, _ in
            chmod(directory, 0o755)
            let script = """
                import os, socket, sys
                os.setuid(65534)
                try: socket.socket(socket.AF_UNIX).connect(sys.argv[1])
                except PermissionError: print("denied")
                """
            let answer = try await runTool(
                ["python3", "-c", script, directory + "/control.sock"], in: try TemporaryDirectory())
            #expect(answer.output == "denied\n")
            // The command says so.
            if let program = SluiceProcess.executable?.path {
                chmod(directory, 0o700)
                let command = try await runTool(
                    ["setpriv", "--reuid=65534", "--clear-groups", program, "pause", "slack", "--data", directory],
                    in: try TemporaryDirectory())
                #expect(command.status == 1, "\(command.output)")
                #expect(command.output.contains("only the gateway's own user and root"), "\(command.output)")
            }
        }
    }

    @Test func aFewClientsAtOnceAreServedAndTheNextIsToldToWait() async throws {
        let gate = Gate()
        try await withServer { _ in
            try await gate.wait()
            return ControlAnswer(text: "done")
        } _: { directory, _ in
            let client = ControlClient(directory: directory)
            try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<4 { group.addTask { try await client.pause("x", reason: nil) } }
                try await eventually("four commands") { gate.waiting == 4 }
                let fifth = try connect(directory)
                try await eventually("the fifth is told") { (read(fifth) ?? "").contains(#""code":"busy""#) }
                close(fifth)
                // A client of ours waits for its turn.
                group.addTask { try await client.pause("x", reason: nil) }
                gate.open()
                for try await text in group { #expect(text == "done") }
            }
        }
    }

    @Test func aClientThatHangsUpEndsItsCommand() async throws {
        let (gate, ended) = (Gate(), Flag())
        try await withServer { _ in
            do {
                try await gate.wait()
            } catch {
                ended.raise()
            }
            return ControlAnswer()
        } _: { directory, _ in
            let descriptor = try connect(directory)
            _ = ControlRequest(.listGroups).line.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            try await eventually("the command") { gate.waiting == 1 }
            close(descriptor)
            try await eventually("its end") { ended.isUp }
        }
    }

    @Test func aSilentClientIsLetGo() async throws {
        var limits = ControlConnection.Limits()
        limits.patience = .milliseconds(100)
        try await withServer(limits: limits) { _ in
            ControlAnswer(text: "done")
        } _: { directory, _ in
            let silent = (0..<4).compactMap { _ in try? connect(directory) }
            for descriptor in silent {
                try await eventually("it is let go") { read(descriptor) == nil }
                close(descriptor)
            }
            #expect(try await ControlClient(directory: directory).pause("x", reason: nil) == "done")
        }
    }

    @Test func aCommandThatTakesTooLongIsGivenUp() async throws {
        let gate = Gate()
        try await withServer(patience: .milliseconds(50)) { _ in
            try await gate.wait()
            return ControlAnswer()
        } _: { directory, _ in
            let error = await #expect(throws: CommandError.self) {
                try await ControlClient(directory: directory).resume("x")
            }
            #expect(error?.description.contains("took longer") == true)
            #expect(gate.waiting == 0)
        }
    }

    @Test func aLongAnswerArrivesWhole() async throws {
        let item = Array("\"\(String(repeating: "x", count: 10_000))\"".utf8)
        try await withServer { _ in
            ControlAnswer(items: .init(repeating: item, count: 300))
        } _: { directory, _ in
            let answer = try await ControlClient(directory: directory).askLeader(ControlRequest(.listGroups))
            #expect(answer?.items.count == 300 && answer?.items.last == item)
        }
    }

    @Test func whereThereCanBeNoSocketTheGatewayRunsAndSaysSo() async throws {
        let recorder = LogRecorder()
        let directory = try TemporaryDirectory().path + "/" + String(repeating: "x", count: 100)
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let server = ControlServer(in: directory, logger: recorder.logger) { _ in ControlAnswer() }
        let group = ServiceGroup(configuration: .init(services: [.init(service: server)], logger: recorder.logger))
        let running = Task { try await group.run() }
        var readiness = Readiness()
        try await eventually("a note") {
            readiness = Readiness()
            server.report(to: &readiness)
            return !readiness.notes.isEmpty
        }
        #expect(readiness.reasons.isEmpty && readiness.notes[0].contains("107 are the most"))
        await group.triggerGracefulShutdown()
        try await running.value
        let error = await #expect(throws: NoGatewayError.self) {
            try await ControlClient(directory: directory).pause("slack", reason: nil)
        }
        #expect(error?.description.contains("107 are the most") == true)
    }

    @Test func whereNoGatewayRunsItSaysSo() async throws {
        let directory = try TemporaryDirectory()
        let client = ControlClient(directory: directory.path)
        await #expect(throws: NoGatewayError.self) { try await client.pause("slack", reason: nil) }
        // One that was killed.
        let socket = try ControlSocket(in: directory.path)
        close(socket.descriptor)
        await #expect(throws: NoGatewayError.self) { try await client.resume("slack") }
    }
}
