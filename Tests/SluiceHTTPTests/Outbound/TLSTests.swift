import Foundation
import Sluice
import Synchronization
import Testing

@testable import SluiceHTTP

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// `openssl s_server` with a certificate that nobody signed but itself.
private final class SelfSignedServer {
    static let tool = ["/usr/bin/openssl", "/usr/local/bin/openssl", "/opt/homebrew/bin/openssl"]
        .first { FileManager.default.isExecutableFile(atPath: $0) }

    let port: Int
    let certificate: String
    private let folder: URL
    private let process = Process()

    init(name: String) throws {
        struct Failed: Error {}
        guard let tool = Self.tool else { throw Failed() }
        folder = FileManager.default.temporaryDirectory.appending(path: "sluice-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        certificate = folder.appending(path: "certificate.pem").path
        let key = folder.appending(path: "key.pem").path
        let request = Process()
        request.executableURL = URL(filePath: tool)
        request.arguments = [
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=\(name)", "-addext", "subjectAltName=\(name)", "-keyout", key, "-out", certificate,
        ]
        request.standardError = FileHandle.nullDevice
        try request.run()
        request.waitUntilExit()

        let output = Pipe()
        process.executableURL = URL(filePath: tool)
        process.arguments = ["s_server", "-accept", "127.0.0.1:0", "-cert", certificate, "-key", key, "-www"]
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        try process.run()
        // It says "ACCEPT 127.0.0.1:<port>" once it listens.
        var text = ""
        var port: Int?
        while port == nil {
            let data = output.fileHandleForReading.availableData
            guard !data.isEmpty else { throw Failed() }
            text += String(decoding: data, as: UTF8.self)
            let line = text.split(separator: "\n").first { $0.hasPrefix("ACCEPT") && text.hasSuffix("\n") }
            port = line?.split(separator: ":").last.flatMap { Int($0) }
        }
        self.port = port ?? 0
    }

    deinit {
        // The child inherits a signal mask that blocks SIGTERM.
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
        try? FileManager.default.removeItem(at: folder)
    }
}

@Suite(.enabled(if: SelfSignedServer.tool != nil, "openssl is not installed"), .serialized)
struct TLSTests {
    @Test func refusesACertificateThatNobodyVouchesFor() async throws {
        let server = try SelfSignedServer(name: "IP:127.0.0.1")
        let url = "https://127.0.0.1:\(server.port)/"
        try await withClient { client in
            let error = await client.failure(of: .init("GET", url, target: "test"))
            #expect(error?.code == .tlsFailed)
            #expect(error?.outcomeUnknown == false)
            #expect(error?.disposition == .retry())
            let text = error.map { "\($0) \(String(reflecting: $0))" } ?? ""
            #expect(text.contains("tls_failed") && !text.contains("127.0.0.1"))
        }
        try await withClient(.with { $0.trustedCertificates = server.certificate }) { client in
            let response = try await client.send(.init("GET", url, target: "test"))
            #expect(response.status == 200)
        }
    }

    @Test func refusesATrustedCertificateOfAnotherHost() async throws {
        let server = try SelfSignedServer(name: "DNS:elsewhere.example")
        try await withClient(.with { $0.trustedCertificates = server.certificate }) { client in
            let url = "https://127.0.0.1:\(server.port)/"
            #expect(await client.failure(of: .init("GET", url, target: "test"))?.code == .tlsFailed)
        }
    }
}
