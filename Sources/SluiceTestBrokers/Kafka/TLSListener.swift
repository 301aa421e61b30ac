import Foundation
import Glibc
import Synchronization

/// `openssl s_server` on the loopback, which may ask for a client's certificate and verify it. It speaks no broker's
/// protocol behind the handshake, and tells what it saw of it. It ends with this value at the latest.
public final class TLSListener: Sendable {
    /// OpenSSL refused what a test asked of it.
    public struct Failed: Error, CustomStringConvertible {
        public let description: String
    }

    /// What clients trust and prove themselves with: files in PEM.
    public struct Files: Sendable {
        fileprivate let directory: String
        /// Who has signed the server's certificate, and the client's.
        public var authority: String { directory + "/authority.pem" }
        /// Who has signed nothing.
        public var stranger: String { directory + "/stranger.pem" }
        /// Its subject is `a client`.
        public var certificate: String { directory + "/client.pem" }
        /// Encrypted with ``keyPassword``.
        public var key: String { directory + "/client.key" }
        /// The stranger's own, which is not encrypted.
        public var strangeKey: String { directory + "/stranger.key" }
        /// Its time is over.
        public var expired: String { directory + "/expired.pem" }
        public var expiredKey: String { directory + "/expired.key" }
        public let keyPassword = "word-of-the-key"
    }

    /// Which certificate it shows.
    public enum Identity: String, Sendable {
        /// For the name `localhost`.
        case broker
        /// For the address 127.0.0.1 and no name.
        case address
        /// For `localhost`, until 2020.
        case expired
    }

    public let files: Files
    /// Where it listens, by the name `localhost`.
    public let address: String
    public let port: UInt16
    private let child: ChildProcess
    private let output = Mutex<[UInt8]>([])

    /// - Parameters:
    ///   - identity: whose certificate it shows.
    ///   - asksForCertificate: whether a client has to show one that the authority has signed.
    public init(_ identity: Identity = .broker, asksForCertificate: Bool = true) async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-tls-\(UUID())")
        files = Files(directory: directory.path)
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let (status, text) = try await ToolRun.output([
            "/bin/sh", "-c", Self.script, "sh", directory.path, files.keyPassword,
        ])
        guard status == 0 else { throw Failed(description: "openssl: \(text)") }
        child = try ChildProcess(
            [
                "/usr/bin/env", "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert",
                "\(directory.path)/\(identity.rawValue).pem",
                "-key", "\(directory.path)/\(identity.rawValue).key", "-CAfile", files.authority,
            ] + (asksForCertificate ? ["-Verify", "1", "-verify_return_error"] : []),
            environment: ProcessInfo.processInfo.environment)
        var port: Substring?
        let deadline = ContinuousClock.now + .seconds(20)
        while port == nil, ContinuousClock.now < deadline {
            Self.drain(child.socket, output)
            let text = output.withLock { String(decoding: $0, as: UTF8.self) }
            port = text.split(separator: "\n").first { $0.hasPrefix("ACCEPT ") }?.split(separator: ":").last
            if port == nil { try await Task.sleep(for: .milliseconds(20)) }
        }
        guard let port, let number = UInt16(port) else {
            kill(child.identifier, SIGKILL)
            child.wait()
            throw Failed(description: "openssl s_server does not listen")
        }
        self.port = number
        address = "localhost:\(number)"
    }

    deinit {
        kill(child.identifier, SIGKILL)
        child.wait()
        close(child.socket)
        try? FileManager.default.removeItem(atPath: files.directory)
    }

    /// Everything that it has said so far: certificates that it was shown, failures, and what came through.
    public var text: String {
        Self.drain(child.socket, output)
        return output.withLock { String(decoding: $0, as: UTF8.self) }
    }

    private static func drain(_ socket: Int32, _ output: borrowing Mutex<[UInt8]>) {
        output.withLock { bytes in
            var part = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = recv(socket, &part, part.count, Int32(MSG_DONTWAIT))
                guard count > 0 else { return }
                bytes += part.prefix(count)
            }
        }
    }

    private static let script = """
        cd "$1" || exit
        new='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1'
        sign='-CA authority.pem -CAkey authority.key -CAcreateserial -days 2'
        echo subjectAltName=DNS:localhost >names
        echo subjectAltName=IP:127.0.0.1 >addresses
        : >index
        printf '%s\n' '[ca]' default_ca=d '[d]' database=index new_certs_dir=. default_md=sha256 policy=p rand_serial=yes \
            unique_subject=no '[p]' commonName=supplied >ca.conf
        openssl req -x509 $new -nodes -days 2 -subj '/CN=an authority' -keyout authority.key -out authority.pem &&
        openssl req -x509 $new -nodes -days 2 -subj '/CN=a stranger' -keyout stranger.key -out stranger.pem &&
        openssl req $new -nodes -subj /CN=localhost -keyout broker.key -out broker.csr &&
        openssl req $new -nodes -subj /CN=address -keyout address.key -out address.csr &&
        openssl req $new -nodes -subj /CN=localhost -keyout expired.key -out expired.csr &&
        openssl req $new -passout "pass:$2" -subj '/CN=a client' -keyout client.key -out client.csr &&
        openssl x509 -req -in broker.csr $sign -extfile names -out broker.pem &&
        openssl x509 -req -in address.csr $sign -extfile addresses -out address.pem &&
        openssl ca -batch -config ca.conf -in expired.csr -cert authority.pem -keyfile authority.key \
            -startdate 20200101000000Z -enddate 20200201000000Z -extfile names -notext -out expired.pem &&
        openssl x509 -req -in client.csr $sign -out client.pem
        """
}
