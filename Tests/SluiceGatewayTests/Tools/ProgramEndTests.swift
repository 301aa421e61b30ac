import Foundation
import GatewayTestSupport
import Logging
import Sluice
import SluiceAMQP
import SluiceSQLite
import SluiceTestBrokers
import SluiceTesting
import Testing

@testable import SluiceGateway

/// How the tools end, and what they say then.
@Suite(.timeLimit(.minutes(10)), .enabled(if: SluiceProcess.executable != nil, "needs the program"))
struct ProgramEndTests {
    /// The program as the first process of a namespace, as in a container.
    private final class FirstProcess {
        let process = Process()
        let input = Pipe()
        private let output: String

        init(_ arguments: [String], in directory: TemporaryDirectory) throws {
            output = "\(directory.path)/said"
            try Data().write(to: URL(filePath: output))
            process.executableURL = URL(filePath: "/usr/bin/unshare")
            process.arguments =
                ["--pid", "--fork", "--kill-child", try #require(SluiceProcess.executable).path] + arguments
            process.standardInput = input
            let file = try FileHandle(forWritingTo: URL(filePath: output))
            process.standardOutput = file
            process.standardError = file
            try process.run()
        }

        deinit { if process.isRunning { process.terminate() } }

        var said: String { String(decoding: FileManager.default.contents(atPath: output) ?? Data(), as: UTF8.self) }

        /// The program itself: the other process only waits for it.
        private var program: Int32? {
            let path = "/proc/\(process.processIdentifier)/task/\(process.processIdentifier)/children"
            return (try? String(contentsOfFile: path, encoding: .utf8)).flatMap {
                Int32($0.split(separator: " ").first ?? "")
            }
        }

        func endBySignal(_ number: Int32) async throws -> Int32 {
            try await eventually("it has started") { program != nil }
            kill(try #require(program), number)
            try await eventually("it ends; it said: \(said)") { !process.isRunning }
            return process.terminationStatus
        }
    }

    static let canUnshare = geteuid() == 0 && FileManager.default.isExecutableFile(atPath: "/usr/bin/unshare")

    @Test(.enabled(if: canUnshare, "needs root and unshare"), arguments: [SIGTERM, SIGINT])
    func publishAsTheFirstProcessObeysASignalAndSaysHowManyWereTaken(number: Int32) async throws {
        let directory = try TemporaryDirectory()
        let log = "\(directory.path)/log.sqlite"
        let program = try FirstProcess(["publish", "--to", "sqlite:\(log)", "t"], in: directory)
        program.input.fileHandleForWriting.write(Data("one\ntwo\nhalf a li".utf8))
        try await eventually("both lines are taken") { (try? SQLiteLogView(path: log).lastOffset(in: "t")) == 2 }
        #expect(try await program.endBySignal(number) == 1)
        #expect(
            program.said
                == "2 messages published\nerror: ended by a signal before the end of the input\n")
        #expect(try SQLiteLogView(path: log).lastOffset(in: "t") == 2)
    }

    @Test(.enabled(if: canUnshare, "needs root and unshare"))
    func everyCommandThatWaitsObeysSIGTERMAsTheFirstProcess() async throws {
        let directory = try TemporaryDirectory()
        _ = try await BrokerAddress.sqlite(path: directory.path + "/log").publish(["one\n"])
        let consume = try FirstProcess(["consume", "--from", "sqlite:\(directory.path)/log", "t"], in: directory)
        try await eventually("it reads") { consume.said.contains("one") }
        #expect(try await consume.endBySignal(SIGTERM) == 0)
        // Something that takes connections and answers nothing.
        let silent = try SilentListener()
        let other = try TemporaryDirectory()
        let health = try FirstProcess(
            ["health", "--timeout", "60", "--address", "127.0.0.1:\(silent.port)"], in: other)
        try await eventually("it asks") { silent.hasConnection }
        #expect(try await health.endBySignal(SIGTERM) == 128 + SIGTERM)
    }

    @Test func aLineThatIsNoMessageEndsItWithTheCountOfThoseBefore() async throws {
        let directory = try TemporaryDirectory()
        let program = try #require(SluiceProcess.executable).path
        let answer = try await runTool(
            [program, "publish", "--to", "sqlite:\(directory.path)/log", "--format", "json", "t"],
            input: Array("{\"payload\":1}\n{\"payload\":2}\n{\n".utf8), in: directory)
        #expect(answer.status == 1)
        #expect(answer.output == "2 messages published\nerror: line 3: not a JSON object\n")
    }

    @Test(.enabled(if: RabbitMQBroker.isInstalled, "needs rabbitmq-server"))
    func aBrokerThatRefusesSomeEndsItWithTheCountOfTheOthers() async throws {
        let broker = try await RabbitMQBroker.shared()
        let queue = "full-\(UUID().uuidString)"
        let topology = AMQPTopology.durableQueue.with {
            $0.queue.arguments["x-max-length"] = 3
            $0.queue.arguments["x-overflow"] = "reject-publish"
        }
        let maker = try AMQPPublisher(
            AMQPConfiguration(uri: broker.uri()), topology: topology, logger: .init(label: "test"))
        try await maker.publish([Message(payload: [1])], to: Topic(queue))
        await maker.close()
        let program = try #require(SluiceProcess.executable).path
        let answer = try await runTool(
            [
                "sh", "-c", "printf '1\\n2\\n3\\n4\\n' | \"$0\" publish --to \"$1\" \"$2\"", program, broker.uri(),
                queue,
            ],
            in: try TemporaryDirectory())
        #expect(answer.status == 1)
        #expect(
            answer.output.hasPrefix("2 messages published\nerror: 2 messages were not accepted: "), "\(answer.output)")
    }

    @Test func outputThatCannotBeWrittenIsSaidInWordsAndOnce() async throws {
        let directory = try TemporaryDirectory()
        _ = try await BrokerAddress.sqlite(path: directory.path + "/log").publish(["one\ntwo\n"])
        let program = try #require(SluiceProcess.executable).path
        let consume = "\"$0\" consume --from sqlite:\(directory.path)/log t"
        let full = try await runTool(["sh", "-c", "\(consume) >/dev/full", program], in: directory)
        #expect(full.status == 73)
        #expect(full.output == "error: standard output cannot be written: No space left on device\n")
        // A reader that has seen enough is no error to speak of.
        let head = try await runTool(
            ["sh", "-c", "\(consume) --idle 3600 | head -n 0; echo done", program], in: directory)
        #expect(head.output == "done\n")
        let closed = try await runTool(["sh", "-c", "\(consume) >&-", program], in: directory)
        #expect(closed.status == 73 && closed.output.contains("Bad file descriptor"), "\(closed.output)")
        let noInput = try await runTool(
            ["sh", "-c", "\"$0\" publish --to sqlite:\(directory.path)/log t </", program], in: directory)
        #expect(
            noInput.status == 1 && noInput.output.hasSuffix("error: standard input cannot be read: Is a directory\n"))
        for answer in [full, closed, noInput] {
            #expect(!answer.output.contains("NSCocoaErrorDomain") && !answer.output.contains("Error Domain"))
        }
    }
}

/// Takes connections in, and says nothing.
private final class SilentListener {
    private let socket: Int32
    let port: UInt16

    init() throws {
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = socket
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, length) == 0 && listen(descriptor, 8) == 0
                    && getsockname(descriptor, pointer, &length) == 0
            }
        }
        port = UInt16(bigEndian: address.sin_port)
        if !isBound { throw TestFailure("no port") }
    }

    deinit { close(socket) }

    var hasConnection: Bool {
        var wait = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        return poll(&wait, 1, 0) > 0
    }
}
