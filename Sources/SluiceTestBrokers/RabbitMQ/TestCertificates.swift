import Foundation

/// An authority of our own, a certificate that it has signed for `localhost`, and another authority that has not.
struct TestCertificates {
    let directory: URL

    var authority: String { path("authority.pem") }
    var stranger: String { path("stranger.pem") }
    var certificate: String { path("broker.pem") }
    var key: String { path("broker.key") }

    /// Makes them with `openssl`, unless they are there.
    func make() async throws {
        guard !FileManager.default.fileExists(atPath: certificate) else { return }
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
        let script = """
            cd "$1" &&
            openssl req -x509 \(key) -days 2 -subj '/CN=an authority' -keyout authority.key -out authority.pem &&
            openssl req -x509 \(key) -days 2 -subj '/CN=a stranger' -keyout stranger.key -out stranger.pem &&
            openssl req \(key) -subj /CN=localhost -keyout broker.key -out broker.csr &&
            echo subjectAltName=DNS:localhost >names &&
            openssl x509 -req -in broker.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 2 \
                -extfile names -out broker.pem
            """
        let (status, output) = try await ToolRun.output(["/bin/sh", "-c", script, "sh", directory.path])
        guard status == 0 else { throw RabbitMQBroker.Failed(description: "openssl: \(output)") }
    }

    private func path(_ name: String) -> String { directory.appendingPathComponent(name).path }
}
