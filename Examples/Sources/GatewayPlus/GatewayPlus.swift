import Foundation
import Logging
import ServiceLifecycle
import SluiceGateway

/// Appends each event to a file: one line of JSON.
struct FileLineSink: Sink {
    let path: String

    func deliver(_ delivery: SinkDelivery) async throws {
        // Any error that is thrown here is tried again, and no event gets lost meanwhile.
        let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT, 0o600)
        guard descriptor >= 0 else { throw FileError(path: path) }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        try file.write(contentsOf: Data(delivery.message.payload + [UInt8(ascii: "\n")]))
        // Returning means that the file has it.
        try file.synchronize()
    }

    struct FileError: Error, CustomStringConvertible {
        let path: String
        var description: String { "\(path) cannot be written" }
    }
}

/// The gateway, configured by the environment as `sluice` is, with one sink more.
@main
enum GatewayPlus {
    static func main() async throws {
        let logger = Logger(label: "gateway-plus")
        let gateway = try Gateway(
            GatewayConfiguration(environment: ProcessInfo.processInfo.environment),
            sinks: [.init("log-to-file", FileLineSink(path: "events.log"), ordering: .serial)], logger: logger)
        let group = ServiceGroup(
            services: [gateway], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            tasks.addTask {
                // What keeps the gateway from being ready ends the group, whose error says the reason.
                guard (try? await gateway.ready()) != nil, let port = try? await gateway.webhooksPort else { return }
                logger.info("takes webhooks in", metadata: ["port": "\(port)"])
            }
            try await tasks.waitForAll()
        }
    }
}
