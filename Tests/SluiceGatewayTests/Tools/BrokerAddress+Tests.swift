import Sluice
import Synchronization

@testable import SluiceGateway

extension BrokerAddress {
    /// Runs `sluice publish` with these pieces as its input, which come one after the other as from a pipe.
    func publish(
        _ pieces: [String], _ tool: PublishTool = PublishTool(), to topic: Topic = "t", key: String? = nil
    ) async throws -> Int {
        var rest = pieces[...]
        let (publisher, end) = try await publisher(to: topic, key: key)
        let outcome: Result<Int, any Error>
        do {
            outcome = .success(
                try await tool.run(to: publisher, topic) { rest.popFirst().map { Array($0.utf8) } ?? [] })
        } catch {
            outcome = .failure(error)
        }
        await publisher.close()
        await end()
        return try outcome.get()
    }

    /// Runs `sluice consume`.
    /// - Returns: the lines that it writes.
    func consume(
        _ tool: ConsumeTool = .untilIdle, of topic: Topic = "t", group: String? = nil,
        start: ConsumeOptions.Start? = nil
    ) async throws -> [String] {
        var options = ConsumeOptions()
        options.group = group
        options.start = start
        let source = try await messages(of: topic, options)
        let written = Written()
        let outcome: Result<Int, any Error>
        do {
            outcome = .success(try await tool.run(from: source) { written.add($0) })
        } catch {
            outcome = .failure(error)
        }
        await source.close()
        _ = try outcome.get()
        return written.lines
    }

    private final class Written: Sendable {
        private let bytes = Mutex<[UInt8]>([])

        var lines: [String] {
            bytes.withLock { String(decoding: $0, as: UTF8.self) }.split(separator: "\n").map { String($0) }
        }

        func add(_ more: [UInt8]) { bytes.withLock { $0 += more } }
    }
}

extension ConsumeTool {
    /// Until nothing has come for as long as a busy machine may pause.
    static var untilIdle: ConsumeTool {
        var tool = ConsumeTool()
        tool.idle = .seconds(2)
        return tool
    }
}
