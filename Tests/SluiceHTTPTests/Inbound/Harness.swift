import CZlib
import Glibc
import Logging
import ServiceLifecycle
import Sluice
import Synchronization
import Testing
import Tracing

@testable import SluiceHTTP

/// A listener on a port of the system's choice, with one endpoint `/in`, and what its consumer received.
final class Harness: Sendable {
    let listener: HTTPListener
    let subscriber: HTTPSubscriber
    let port: Int
    let messages = Mutex<[Message]>([])
    let exchanges: Exchanges

    final class Exchanges: Sendable {
        struct Seen: Sendable, Equatable {
            var route: String
            var method: String
            var status: Int
            var traceID: String?
        }
        let seen = Mutex<[Seen]>([])
    }

    init(listener: HTTPListener, subscriber: HTTPSubscriber, port: Int, exchanges: Exchanges) {
        self.listener = listener
        self.subscriber = subscriber
        self.port = port
        self.exchanges = exchanges
    }

    var received: [Message] { messages.withLock(\.self) }
    var seen: [Exchanges.Seen] { exchanges.seen.withLock(\.self) }

    /// Talks to the server on a thread of its own, so that blocking there holds up no task.
    func talk<T: Sendable>(_ body: @escaping @Sendable (RawClient) throws -> T) async throws -> T {
        let port = port
        return try await offPool { try body(try RawClient(port: port)) }
    }

    /// One request on its own connection.
    func post(
        _ body: [UInt8], to path: String = "/in", type: String? = "application/json", method: String = "POST",
        headers: [String] = []
    ) async throws -> RawClient.Response {
        var head = ["\(method) \(path) HTTP/1.1", "Host: test", "Content-Length: \(body.count)"] + headers
        if let type { head.append("Content-Type: \(type)") }
        let bytes = Array((head.joined(separator: "\r\n") + "\r\n\r\n").utf8) + body
        return try await talk { client in
            try? client.send(bytes)
            return try #require(try client.response(toHead: method == "HEAD"))
        }
    }

    func post(_ body: String, to path: String = "/in", headers: [String] = []) async throws -> RawClient.Response {
        try await post(Array(body.utf8), to: path, headers: headers)
    }
}

func offPool<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
        do {
            _ = try DedicatedThread(name: "client") { continuation.resume(with: Result { try body() }) }
        } catch {
            continuation.resume(throwing: error)
        }
    }
}

/// Runs a listener around `body`.
/// - Parameter settle: what the consumer does with each delivery; nil leaves the endpoint without a consumer.
func withHarness(
    _ configure: (inout HTTPListener.Configuration) -> Void = { _ in },
    endpoint configureEndpoint: (inout HTTPEndpoint) -> Void = { _ in },
    resources: [HTTPResource] = [],
    authenticator: HTTPAuthenticator? = nil,
    tracer: (any Tracer)? = nil,
    settle: (@Sendable (Delivery) async -> Void)? = { $0.acknowledge() },
    _ body: (Harness) async throws -> Void
) async throws {
    var configuration = HTTPListener.Configuration()
    configuration.port = 0
    configure(&configuration)
    var endpoint = HTTPEndpoint("/in")
    configureEndpoint(&endpoint)
    let exchanges = Harness.Exchanges()
    let listener = try HTTPListener(
        configuration: configuration, resources: resources, authenticator: authenticator,
        observer: HTTPObserver { route in
            { exchange in
                exchanges.seen.withLock {
                    $0.append(
                        .init(route: route, method: exchange.method, status: exchange.status, traceID: exchange.traceID)
                    )
                }
            }
        }, tracer: tracer, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    let subscriber = try HTTPSubscriber(listener: listener, endpoints: [endpoint])
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await listener.run() }
        let harness = Harness(
            listener: listener, subscriber: subscriber, port: try await listener.port(), exchanges: exchanges)
        if let settle {
            let subscription = try await subscriber.subscribe(to: "/in")
            group.addTask {
                while let batch = try await subscription.next() {
                    for delivery in batch {
                        harness.messages.withLock { $0.append(delivery.message) }
                        await settle(delivery)
                    }
                }
            }
        }
        let result: Result<Void, any Error>
        do { result = .success(try await body(harness)) } catch { result = .failure(error) }
        await subscriber.close()
        group.cancelAll()
        while let _ = await group.nextResult() {}
        try result.get()
    }
}

func gzip(_ bytes: [UInt8]) -> [UInt8] {
    var stream = z_stream()
    precondition(sluice_deflate_init_gzip(&stream, 9) == Z_OK)
    defer { deflateEnd(&stream) }
    var output = [UInt8](repeating: 0, count: Int(deflateBound(&stream, UInt(bytes.count))) + 64)
    let written = bytes.withUnsafeBufferPointer { input in
        output.withUnsafeMutableBufferPointer { output in
            stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
            stream.avail_in = UInt32(input.count)
            stream.next_out = output.baseAddress
            stream.avail_out = UInt32(output.count)
            precondition(deflate(&stream, Z_FINISH) == Z_STREAM_END)
            return output.count - Int(stream.avail_out)
        }
    }
    return Array(output[..<written])
}

/// The process's resident memory in bytes.
func residentMemory() -> Int {
    let file = fopen("/proc/self/statm", "r")
    defer { if let file { fclose(file) } }
    var line = [CChar](repeating: 0, count: 256)
    guard let file, fgets(&line, 256, file) != nil else { return 0 }
    let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    return (Int(text.split(separator: " ")[1]) ?? 0) * Int(getpagesize())
}

func isErrorLine(_ response: RawClient.Response, _ part: String = "") -> Bool {
    response.headers["content-type"] == "application/json" && response.body.hasPrefix(#"{"error":""#)
        && response.body.hasSuffix("\"}\n") && response.body.filter { $0 == "\n" }.count == 1
        && response.body.contains(part)
}
