import Foundation
import Glibc
import Sluice
import Testing

@testable import SluiceHTTP

/// `openssl s_server` with a certificate that it signed itself.
///
/// Not a `Foundation.Process`: its wait blocks a thread of the cooperative pool, and without end when another child
/// inherits its descriptors.
final class SelfSignedServer {
    static let tool = ["/usr/bin/openssl", "/usr/local/bin/openssl", "/opt/homebrew/bin/openssl"]
        .first { FileManager.default.isExecutableFile(atPath: $0) }

    var port: UInt16 { reservation.port }
    let certificate: String
    private let reservation: BoundSocket
    private let folder: URL
    private var process: pid_t = 0

    init(name: String) throws {
        struct Failed: Error {}
        guard let tool = Self.tool else { throw Failed() }
        reservation = try BoundSocket()
        folder = FileManager.default.temporaryDirectory.appending(path: "sluice-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        certificate = folder.appending(path: "certificate.pem").path
        let script = """
            \(tool) req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test \
                -addext subjectAltName=\(name) -keyout '\(folder.path)/key.pem' -out '\(certificate)' &&
            exec \(tool) s_server -accept 127.0.0.1:\(reservation.port) -cert '\(certificate)' -key '\(folder.path)/key.pem' -www
            """
        guard Self.spawn(["/bin/sh", "-c", script], &process) == 0 else { throw Failed() }
    }

    deinit {
        if process > 0 {
            kill(-process, SIGKILL)
            var status: Int32 = 0
            waitpid(process, &status, 0)
        }
        try? FileManager.default.removeItem(at: folder)
    }

    /// Asks until the server listens.
    func failure(of request: HTTPClient.Request, from client: HTTPClient) async throws -> HTTPClientError? {
        let deadline = ContinuousClock.now.advanced(by: .seconds(20))
        while true {
            let error = await client.failure(of: request)
            guard error?.code == .connectFailed, ContinuousClock.now < deadline else { return error }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    /// In a process group of its own, so that it can be ended whole, and with nothing of ours but its descriptors.
    private static func spawn(_ arguments: [String], _ process: inout pid_t) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for descriptor in 0...2 as ClosedRange<Int32> {
            posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0)
        }
        for descriptor in Int32(3)..<4_096 { posix_spawn_file_actions_addclose(&actions, descriptor) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        posix_spawnattr_setpgroup(&attributes, 0)
        var strings = arguments.map { strdup($0) } + [nil]
        defer { for string in strings { free(string) } }
        return posix_spawn(&process, arguments[0], &actions, &attributes, &strings, environ)
    }
}

@Suite(.enabled(if: SelfSignedServer.tool != nil, "openssl is not installed"), .serialized)
struct TLSTests {
    @Test func refusesACertificateThatNoAuthoritySigned() async throws {
        let server = try SelfSignedServer(name: "IP:127.0.0.1")
        let request = HTTPClient.Request("GET", "https://127.0.0.1:\(server.port)/", target: "test")
        try await withClient { client in
            let error = try await server.failure(of: request, from: client)
            #expect(error?.code == .tlsFailed)
            #expect(error?.outcomeUnknown == false)
            #expect(error?.disposition == .retry())
            let text = error.map { "\($0) \(String(reflecting: $0))" } ?? ""
            #expect(text.contains("tls_failed") && !text.contains("127.0.0.1"))
        }
        try await withClient(.with { $0.trustedCertificates = server.certificate }) { client in
            let response = try await client.send(request)
            #expect(response.status == 200)
        }
    }

    @Test func refusesATrustedCertificateOfAnotherHost() async throws {
        let server = try SelfSignedServer(name: "DNS:elsewhere.example")
        let request = HTTPClient.Request("GET", "https://127.0.0.1:\(server.port)/", target: "test")
        // A file that is not there yet would be an error of its own.
        try await withClient { client in _ = try await server.failure(of: request, from: client) }
        try await withClient(.with { $0.trustedCertificates = server.certificate }) { client in
            let error = try await server.failure(of: request, from: client)
            #expect(error?.code == .tlsFailed)
        }
    }
}
