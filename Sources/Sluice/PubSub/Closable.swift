public import ServiceLifecycle

/// What has connections, threads or subscriptions of its own: it is closed once, by hand or as a service.
///
/// Every ``Publisher`` and ``Subscriber`` is one, and so are the embedded log, the HTTP client and Kafka's topics. As a service
/// it waits for the shutdown and closes itself. Name it before what uses it, since services are shut down backwards:
///
///     ServiceGroup(services: [log, publisher, subscriber, router], logger: logger)
public protocol Closable: Service {
    /// Ends what is under way as its type says, and returns when nothing is left. A second call does no harm.
    ///
    /// It hides C's function inside of the type, which is called by its module: `Glibc.close(descriptor)`.
    func close() async
}

extension Closable {
    /// Waits for graceful shutdown or cancellation, then closes.
    public func run() async throws {
        try? await gracefulShutdown()
        await close()
    }
}
