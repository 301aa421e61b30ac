public import ServiceLifecycle

extension SQLiteLog: Service {
    /// Waits for graceful shutdown or cancellation, then closes the log. Name it before what reads and writes it, so that it
    /// goes last:
    ///
    ///     ServiceGroup(services: [log, router], logger: logger)
    public func run() async throws {
        try? await gracefulShutdown()
        await close()
    }
}
