import ArgumentParser
import Foundation
import Logging
import ServiceLifecycle
import SluiceGateway
import SluiceMetrics
import UnixSignals

/// `sluice run`: reads the configuration, makes the gateway, and runs it until it is told to stop.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run the gateway.",
        discussion: """
            \(ConfigurationChoice.discussion) A file is watched, and read anew on SIGHUP; `sluice check` checks and prints it, \
            docs/CONFIGURATION.md has every key.

            The environment, and a file .env in the current directory for what that does not set:

            \(GatewayDocuments.helpText)
            "change" is what has to start anew for another value to count: nothing (live), a route, or the process (restart).
            Variables are read when the process starts.

            SIGTERM and SIGINT let messages in hand finish; a second one ends the program at once.

              sluice run
              sluice run --config /etc/sluice/sluice.yaml
              SLACK_WEBHOOK_URL=https://hooks.slack.example/x sluice run
            """)

    @Option(name: .long, help: ArgumentHelp("The configuration file, or a directory of such files.", valueName: "file"))
    var config: String?

    func run() async throws {
        // Whatever files it makes are for its user alone.
        umask(0o077)
        let configuration = try readConfiguration()
        let path = try ConfigurationChoice.path(config)
        let backend = PrometheusBackend()
        let log = LoggingSystem.bootstrap(configuration, backend.instruments)
        defer { log.flush() }
        let logger = Logger(label: "sluice")
        do {
            let gateway = try Gateway(
                configuration, reading: path.map(ConfigurationChoice.reading),
                backend: backend, logger: logger)
            logger.info(
                "sluice starts",
                metadata: [
                    "version": "\(SluiceVersion.text)", "data": "\(configuration.dataDirectory)",
                    "config": "\(configuration.title)",
                    "simulator": "\(configuration.simulator == nil ? "off" : "on")",
                ].merging(configuration.sinkStates.mapValues { "\($0 ? "on" : "off")" }) { own, _ in own })
            try await Self.serve(gateway, reloads: path != nil, logger, log)
        } catch {
            logger.critical("sluice stops", metadata: ["error": "\(error)"])
            throw ExitCode(ExitStatus.of(error))
        }
    }

    private func readConfiguration() throws -> GatewayConfiguration {
        let configuration = try ConfigurationChoice.read(config)
        return try Settings.read { _, _ in
            try ProcessLimits.prepare(for: configuration)
            return configuration
        }
    }

    /// - Parameter reloads: whether SIGHUP has the configuration read anew; without a file it keeps its default action.
    private static func serve(_ gateway: Gateway, reloads: Bool, _ logger: Logger, _ log: LogOutput) async throws {
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [.init(service: gateway, successTerminationBehavior: .gracefullyShutdownGroup)],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet(logger)))
        // Beside the group and not in it: it must see the second signal while the group still waits for the first.
        let impatience = Task { await exitAtSecondSignal(logger, log) }
        defer { impatience.cancel() }
        let hangups = reloads ? Task { await reloadAtHangup(gateway) } : nil
        defer { hangups?.cancel() }
        // Beside the group: it must not keep the gateway from ending.
        let tidying = Task { if (try? await Task.sleep(for: .seconds(1))) != nil { StartPages.giveBack() } }
        defer { tidying.cancel() }
        try await group.run()
        logger.info("stopped")
    }

    /// A second signal means: do not wait.
    private static func exitAtSecondSignal(_ logger: Logger, _ log: LogOutput) async {
        var count = 0
        for await signal in await UnixSignalsSequence(trapping: .sigterm, .sigint) {
            count += 1
            if count == 1 {
                logger.info("stopping; a second signal ends the program at once", metadata: ["signal": "\(signal)"])
            } else {
                // Nothing but the log's lines is flushed: the queue is durable as it is.
                log.flush(within: .milliseconds(200))
                _exit(130)
            }
        }
    }

    /// The log tells how it went.
    private static func reloadAtHangup(_ gateway: Gateway) async {
        for await _ in await UnixSignalsSequence(trapping: .sighup) { try? await gateway.reload() }
    }

    /// The lifecycle's own steps are noise at info.
    private static func quiet(_ logger: Logger) -> Logger {
        var logger = logger
        logger.logLevel = max(.warning, logger.logLevel)
        return logger
    }
}
