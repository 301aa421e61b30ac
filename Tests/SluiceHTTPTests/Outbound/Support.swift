import Foundation
import Glibc
import Sluice
import SluiceTesting
import Synchronization

@testable import SluiceHTTP

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

/// A socket on a port of the loopback interface, bound and no more: a connection to it is refused, and no other program is
/// given the port, though a server that asks for it by number may have it.
final class BoundSocket {
    let port: UInt16
    let descriptor: Int32

    init() throws {
        struct Refused: Error {}
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { [descriptor] pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        port = UInt16(bigEndian: address.sin_port)
        guard isBound else { throw Refused() }
    }

    deinit {
        close(descriptor)
    }

    /// Connects without waiting for the outcome.
    func beginConnecting(to port: UInt16) {
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        withUnsafePointer(to: &address) { [descriptor] pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}

/// A port of the loopback interface that answers no SYN: its backlog is full and nothing accepts.
final class FullBacklog {
    var port: UInt16 { listener.port }
    private let listener: BoundSocket
    private let fillers: [BoundSocket]

    init() throws {
        listener = try BoundSocket()
        _ = listen(listener.descriptor, 0)
        fillers = try (0..<4).map { _ in try BoundSocket() }
        for filler in fillers { filler.beginConnecting(to: port) }
    }
}
