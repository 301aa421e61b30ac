import Foundation
import Glibc
import Logging
import Sluice
import SluiceTestBrokers
import Testing

@testable import SluiceAMQP
@testable import SluiceTesting

/// Who the broker is, as far as it can be seen without one: behind the handshake nothing speaks AMQP.
@Suite(.timeLimit(.minutes(10)))
struct TLSVerificationTests {
    private func configuration(_ host: String, _ server: TLSListener, _ authority: String) throws -> AMQPConfiguration {
        var configuration = try AMQPConfiguration(uri: "amqps://\(host):\(server.port)?cacertfile=\(authority)")
        configuration.connectTimeout = .seconds(2)
        configuration.reconnect = .constant(.milliseconds(10))
        return configuration
    }

    @Test(arguments: TLSListener.faults)
    func saysWhatIsWrongWithACertificate(_ fault: TLSListener.Fault) async throws {
        let server = try await TLSListener(fault.identity, asksForCertificate: false)
        let (host, words) = (fault.host, fault.words)
        let configuration = try configuration(host, server, fault.authority(of: server.files))
        let log = LogRecorder()
        let subscriber = try AMQPSubscriber(configuration, logger: log.logger)
        let error = await #expect(throws: AMQPError.self) { _ = try await subscriber.subscribe(to: "q") }
        #expect(error?.code == .tls)
        #expect(
            error?.detail.hasPrefix(
                "\(host):\(server.port) could not be reached: its certificate could not be verified: \(words)") == true)
        #expect(!server.text.contains("CIPHER is"))
        #expect(log.entries.count { $0.level >= .warning } <= 1, "\(log.text)")
        await subscriber.close()
    }

    @Test func knowsABrokerByItsAddress() async throws {
        let server = try await TLSListener(.address, asksForCertificate: false)
        let subscriber = try AMQPSubscriber(
            try configuration("127.0.0.1", server, server.files.authority), logger: LogRecorder().logger)
        // Behind the handshake nothing answers.
        _ = try? await subscriber.subscribe(to: "q")
        try await eventually("a handshake") { server.text.contains("CIPHER is") }
        await subscriber.close()
    }

    /// As a broker does that crashes, or that a proxy stands before which has none.
    @Test(arguments: [false, true])
    func aConnectionThatEndsDuringTheHandshakeIsTriedAgain(withReset: Bool) throws {
        let (listener, port) = try TestSocket.listen(port: 0, backlog: 4)
        defer { close(listener) }
        let taken = Thread {
            let connection = accept(listener, nil, nil)
            var hello = [UInt8](repeating: 0, count: 4_096)
            _ = recv(connection, &hello, hello.count, 0)
            if withReset { TestSocket.resetOnClose(connection) }
            close(connection)
        }
        taken.start()
        var configuration = try AMQPConfiguration(uri: "amqps://127.0.0.1:\(port)")
        configuration.tls?.verifiesPeer = false
        let host = try #require(configuration.hosts.first)
        let tls = try #require(configuration.tls)
        let error = #expect(throws: AMQPError.self) {
            try TLSWire(host, tls, timeout: .seconds(60), writeTimeout: .seconds(60))
        }
        #expect(error?.code == .unreachable && error?.needsPerson == false)
        #expect(error?.detail == "\(host) could not be reached: the connection ended during the TLS handshake")
    }
}
