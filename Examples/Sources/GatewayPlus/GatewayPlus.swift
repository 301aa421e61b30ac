import Foundation
import Logging
import ServiceLifecycle
import Sluice
import SluiceGateway
import SluiceHTTP

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

/// Takes in what a script posts at the end of a release: `curl --json '{"commit": "9fceb02d0ae5", "service": "shop"}'`.
struct ReleaseSource: Source {
    private struct Release: Decodable {
        let commit: String
        let service: String
    }

    func events(of message: Message, receivedAt: Timestamp) async throws -> [Event] {
        guard let release = try? JSONDecoder().decode(Release.self, from: Data(message.payload)) else {
            // Its sender is answered 400, with this text.
            throw SourceError("expected a commit and a service")
        }
        let deployment = Deployment(
            id: release.commit, env: "production", occurredOn: receivedAt, service: release.service)
        return [.commitDeployed(deployment)]
    }
}

/// The gateway, configured by the environment as `sluice` is, with one source and one sink more.
@main
enum GatewayPlus {
    /// An error is one line and an exit status: 78 where the configuration or a file is at fault, else 1.
    static func main() async {
        await ExitStatus.exitOnError { try await run() }
    }

    private static func run() async throws {
        let logger = Logger(label: "gateway-plus")
        let environment = ProcessInfo.processInfo.environment
        let gateway = try Gateway(
            GatewayConfiguration(environment: environment),
            sinks: [.init("log-to-file", FileLineSink(path: "events.log"), ordering: .serial)],
            sources: [
                // At /webhooks/releases; without a token, what this machine sends alone.
                .init("releases", ReleaseSource(), authenticator: environment["RELEASES_TOKEN"].map { .bearer($0) })
            ], logger: logger)
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
