import SluiceGateway
import Testing

struct BindAddressTests {
    @Test(
        arguments: [
            ("127.0.0.1:8080", "127.0.0.1", 8080, true), (":8080", nil, 8080, false), ("[::1]:8080", "::1", 8080, true),
            ("localhost:0", "localhost", 0, true), ("0.0.0.0:80", "0.0.0.0", 80, false), ("[::]:80", "::", 80, false),
            ("127.1.2.3:65535", "127.1.2.3", 65535, true), ("example.org:1", "example.org", 1, false),
            ("127.0.0.1.example.org:1", "127.0.0.1.example.org", 1, false), ("127.0.0.256:1", "127.0.0.256", 1, false),
            ("[fe80::1%eth0]:1", "fe80::1%eth0", 1, false),
        ] as [(String, String?, UInt16, Bool)])
    func readsHostAndPort(text: String, host: String?, port: UInt16, isLoopback: Bool) throws {
        let address = try #require(BindAddress(text))
        #expect(address == BindAddress(host: host, port: port))
        #expect(address.isLoopback == isLoopback)
        #expect(address.description == text)
    }

    @Test(arguments: [
        "", "8080", "127.0.0.1", "127.0.0.1:", ":", ":65536", ":-1", ":+1", ":8o", "::1:8080", "[::1]8080", "[]:80",
        "[127.0.0.1]:80", "a b:80", "http://x:80", "x/y:80", ":٣", "[::1:80",
    ])
    func refusesEverythingElse(text: String) {
        #expect(BindAddress(text) == nil)
    }
}
