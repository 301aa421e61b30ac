import Foundation
import Glibc
import Synchronization

/// A small real HTTP/1.1 server for tests: it answers what it is told to, misbehaves where it is told to, and remembers
/// what it was asked. A fake of any service is one closure.
///
/// ```swift
/// let chat = try TestHTTPServer { request in
///     request.body.isEmpty ? .status(400, body: "no_text") : .status(200, body: "ok")
/// }
/// defer { chat.stop() }
/// ```
///
/// It listens on 127.0.0.1 and keeps connections alive. Each connection has a thread of its own, so the closure may
/// block; it is called for several connections at once.
public final class TestHTTPServer: Sendable {
    /// The port it listens on.
    public let port: UInt16
    private let held: HeldPort
    private let core: TestHTTPServerCore

    /// Starts listening.
    /// - Parameters:
    ///   - port: 0, the default, takes a free one; a number lets a server come back after ``stop()``.
    ///   - respond: what each request is answered. Default: 200 without a body.
    /// - Throws: when the system refuses the port or the sockets.
    public init(port: UInt16 = 0, respond: @escaping @Sendable (Request) -> Reply = { _ in .status(200) }) throws {
        held = try HeldPort(port)
        let (listener, port) = try TestSocket.listen(port: held.number, backlog: 1024)
        self.port = port
        core = TestHTTPServerCore(listener: listener, respond: respond)
        core.start()
    }

    deinit {
        core.stop()
    }

    /// `http://127.0.0.1:<port>` and `path`.
    public func url(_ path: String = "/") -> String { "http://127.0.0.1:\(port)\(path)" }

    /// Changes what is answered from the next request on.
    public func respond(_ respond: @escaping @Sendable (Request) -> Reply) {
        core.state.withLock { $0.respond = respond }
    }

    /// What it was asked since the start or the last `forget`, in the order in which the requests were complete.
    public var requests: [Request] { core.state.withLock(\.requests) }

    /// How many connections were made since the start.
    public var connectionCount: Int { core.state.withLock(\.connectionCount) }

    /// How many connections are open now.
    public var openConnectionCount: Int { core.state.withLock(\.open.count) }

    /// The most requests that were being answered at the same moment.
    public var peakConcurrency: Int { core.state.withLock(\.peak) }

    /// Drops the requests it remembers.
    public func forget() {
        core.state.withLock { $0.requests = [] }
    }

    /// Waits until it remembers this many requests; for 60 s at most, unless told otherwise.
    /// - Throws: ``TestTimeout`` when they do not come in time; `CancellationError`.
    @discardableResult
    public func waitForRequests(_ count: Int, within limit: Duration = .seconds(60)) async throws -> [Request] {
        try await core.wait(within: limit, for: "\(count) requests") { $0.requests.count >= count }
        return requests
    }

    /// Waits until this many connections are open, or fewer; for 60 s at most, unless told otherwise.
    public func waitForOpenConnections(atMost count: Int, within limit: Duration = .seconds(60)) async throws {
        try await core.wait(within: limit, for: "at most \(count) connections") { $0.open.count <= count }
    }

    /// Closes every connection at once, and refuses further ones; answers under way are lost. A second call does nothing.
    ///
    /// As long as this value lives, the system gives the port to nothing but a server that asks for its number.
    public func stop() {
        core.stop()
    }
}

/// Something a test waited for did not happen in time.
public struct TestTimeout: Error, CustomStringConvertible {
    public let what: String
    public var description: String { "timed out waiting for \(what)" }
}
