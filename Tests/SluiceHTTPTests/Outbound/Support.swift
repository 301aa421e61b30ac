import Foundation
import Sluice
import SluiceTesting
import Synchronization

@testable import SluiceHTTP

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A server and a client for one test; both are gone when it ends, and with them every thread.
func withServer<Result>(
    _ configuration: HTTPClient.Configuration = .init(), respond: Responder = .by { _ in .status(200, body: "ok") },
    _ body: (TestHTTPServer, HTTPClient) async throws -> Result
) async throws -> Result {
    let server = try TestHTTPServer(respond: respond.respond)
    defer { server.stop() }
    return try await withClient(configuration) { try await body(server, $0) }
}

func withClient<Result>(
    _ configuration: HTTPClient.Configuration = .init(), _ body: (HTTPClient) async throws -> Result
) async throws -> Result {
    let client = try HTTPClient(configuration)
    do {
        let result = try await body(client)
        await client.close(within: .zero)
        return result
    } catch {
        await client.close(within: .zero)
        throw error
    }
}

struct Responder {
    let respond: @Sendable (TestHTTPServer.Request) -> TestHTTPServer.Reply

    static func by(_ respond: @escaping @Sendable (TestHTTPServer.Request) -> TestHTTPServer.Reply) -> Responder {
        Responder(respond: respond)
    }
}

extension HTTPClient.Configuration {
    static func with(_ change: (inout HTTPClient.Configuration) -> Void) -> HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration()
        change(&configuration)
        return configuration
    }
}

extension HTTPClient {
    /// The error that a request ends with, or nil.
    func failure(of request: Request) async -> HTTPClientError? {
        do {
            _ = try await send(request)
            return nil
        } catch {
            return error
        }
    }
}

extension TestHTTPServer {
    func post(_ path: String = "/", body: String = "hello", timeout: Duration? = nil) -> HTTPClient.Request {
        .init("POST", url(path), target: "test", body: Array(body.utf8), timeout: timeout)
    }

    func get(_ path: String = "/", timeout: Duration? = nil) -> HTTPClient.Request {
        .init("GET", url(path), target: "test", timeout: timeout)
    }
}

/// Blocks threads of the test server until it is opened.
final class Gate: Sendable {
    private let condition = NSCondition()
    private let isOpen = Mutex(false)

    func wait() {
        condition.lock()
        while !isOpen.withLock({ $0 }) { condition.wait() }
        condition.unlock()
    }

    func open() {
        condition.lock()
        isOpen.withLock { $0 = true }
        condition.broadcast()
        condition.unlock()
    }
}

/// A port of the loopback interface that answers no SYN: its backlog is full and nobody accepts.
final class FullBacklog {
    let port: UInt16
    private var descriptors: [Int32] = []

    init() throws {
        struct Refused: Error {}
        let listener = socket(AF_INET, streamType, 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 0) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        port = UInt16(bigEndian: address.sin_port)
        descriptors.append(listener)
        guard isListening else { throw Refused() }
        for _ in 0..<4 {
            let filler = socket(AF_INET, streamType, 0)
            _ = fcntl(filler, F_SETFL, O_NONBLOCK)
            withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = connect(filler, $0, length) }
            }
            descriptors.append(filler)
        }
    }

    deinit {
        for descriptor in descriptors { close(descriptor) }
    }

    private let streamType: Int32 = {
        #if canImport(Glibc)
            Int32(SOCK_STREAM.rawValue)
        #else
            SOCK_STREAM
        #endif
    }()
}

/// A port that nobody listens on.
func refusingPort() throws -> UInt16 {
    let server = try TestHTTPServer()
    server.stop()
    return server.port
}
