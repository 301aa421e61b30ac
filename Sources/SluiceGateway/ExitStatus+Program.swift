import Foundation

extension ExitStatus {
    /// The body of a program's `main`: an error ends the process as it ends `sluice run`, with one line on standard error for each
    /// thing that is wrong and the status of ``of(_:isOurFile:)``, instead of a crash and its backtrace.
    ///
    /// ```swift
    /// await ExitStatus.exitOnError {
    ///     let gateway = try Gateway(GatewayConfiguration(environment: ProcessInfo.processInfo.environment))
    ///     try await ServiceGroup(
    ///         services: [gateway], gracefulShutdownSignals: [.sigterm, .sigint], logger: Logger(label: "mine")
    ///     ).run()
    /// }
    /// ```
    ///
    /// It returns when the body does.
    public static func exitOnError(_ body: () async throws -> Void) async {
        do {
            try await body()
        } catch {
            // What cannot be said does not change how it ends.
            try? FileHandle.standardError.write(contentsOf: Data("error: \(error)\n".utf8))
            exit(of(error))
        }
    }
}
