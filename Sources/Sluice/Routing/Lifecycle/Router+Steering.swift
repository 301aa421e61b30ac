extension Router {
    /// Stops a route from taking messages, until ``resume(_:)``.
    ///
    /// An attempt that is being made goes on to its end. No other begins: messages in hand wait, in their order, and so
    /// does what comes. The route stays subscribed, so that no other process takes over from it. It drains as usual, and
    /// one that is added paused begins paused. Pausing twice changes nothing.
    /// - Returns: whether it was not paused before.
    /// - Throws: ``UnknownRouteError``.
    @discardableResult
    public func pause(_ name: String) throws(UnknownRouteError) -> Bool {
        try scope(of: name).lifecycle.pause()
    }

    /// Lets a paused route go on. Resuming one that is not paused changes nothing.
    /// - Returns: whether it was paused before.
    /// - Throws: ``UnknownRouteError``.
    @discardableResult
    public func resume(_ name: String) throws(UnknownRouteError) -> Bool {
        try scope(of: name).lifecycle.resume()
    }

    /// Returns when no attempt of a paused route is under way any more; at once when it is not paused, or drains.
    /// - Throws: ``UnknownRouteError``; `CancellationError` when the task is cancelled.
    public func waitUntilQuiet(_ name: String) async throws {
        try await scope(of: name).lifecycle.waitUntilQuiet()
    }

    /// Drains a route, runs `body` while it is not subscribed, and lets it subscribe again.
    ///
    /// Messages in hand have ``Configuration/shutdownTimeout`` to finish; the rest is given back. For what must not be done
    /// to a broker while it is read, such as moving a consumer group. A route that is paused is so afterwards. Several
    /// interruptions of one route run one after the other.
    /// - Throws: what `body` throws, after which the route goes on as well; ``UnknownRouteError``; ``ClosedError`` when the
    ///   route ends before it has drained; `CancellationError` when the task is cancelled before that.
    public func interrupt<Result>(_ name: String, _ body: () async throws -> Result) async throws -> Result {
        try await scope(of: name).lifecycle.interrupt(body)
    }

    private func scope(of name: String) throws(UnknownRouteError) -> RouteScope {
        guard let runner = runner(named: name) else { throw UnknownRouteError(name: name) }
        return runner.scope
    }
}

/// The router has no route of this name.
public struct UnknownRouteError: Error, Equatable, CustomStringConvertible {
    public let name: String

    public init(name: String) {
        self.name = name
    }

    public var description: String { "there is no route `\(name)`" }
}
