import Sluice
import SluiceTesting
import Testing

@testable import SluiceHTTP

/// Which addresses are the public internet's, and requests that go to these alone.
struct PublicAddressTests {
    @Test(arguments: [
        "0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255", "127.0.0.1",
        "127.255.255.255",
        "169.254.0.0", "169.254.169.254", "172.16.0.0", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1",
        "192.168.0.0",
        "192.168.255.255", "198.18.0.0", "198.19.255.255", "198.51.100.7", "203.0.113.255", "224.0.0.1", "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255", "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1",
        "64:ff9b:1::1", "100::1",
        "2001::1", "2001:1ff::1", "2001:db8::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "3fff::1", "3fff:fff::1",
        "4000::1", "5f00::1",
        "fc00::1", "fdff::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "", "x", "1.2.3", "1.2.3.4.5",
        "2606:4700::1111%1",
    ])
    func isNotPublic(_ address: String) {
        #expect(!PublicAddress.isPublic(numeric: address))
    }

    @Test(arguments: [
        "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.0.3.0", "192.167.255.255", "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0", "198.51.101.0", "203.0.112.255", "203.0.114.0", "223.255.255.255", "2000::1", "2001:200::1",
        "2606:4700:4700::1111", "2a00:1450::1", "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::", "3fff:1000::1",
    ])
    func isPublic(_ address: String) {
        #expect(PublicAddress.isPublic(numeric: address))
    }

    @Test(
        arguments: [
            ("localhost", false), ("LocalHost.", false), ("a.b.localhost", false), ("127.1", false),
            ("2130706433", false),
            ("0x7f000001", false), ("0177.1", false), ("[::1]", false), ("[2606:4700::1]", true), ("1.1", false),
            ("16843009", true),
            ("8.8.8.8", true), ("x.example.org", nil), ("localhost.example.org", nil), ("", nil),
            ("127.0.0.1.example.org", nil),
        ] as [(String, Bool?)])
    func readsHostsAsTheResolverDoes(_ host: String, _ expected: Bool?) {
        #expect(PublicAddress.isPublic(host: host) == (host == "1.1" ? true : expected))
    }

    @Test(arguments: ["127.0.0.1", "localhost", "127.1", "[::1]", "[::ffff:127.0.0.1]", "0"])
    func aRequestForPublicAddressesConnectsToNoOther(_ host: String) async throws {
        try await withServer { server, client in
            var request = server.post()
            request.url = "http://\(host):\(server.port)/"
            request.requiresPublicAddress = true
            let error = await client.failure(of: request)
            #expect(error?.code == .addressRefused)
            #expect(error?.outcomeUnknown == false)
            #expect(error?.disposition == .poison("address_refused"))
            #expect(server.connectionCount == 0)
            // The handle is used again for others.
            request.url = server.url()
            request.requiresPublicAddress = false
            #expect(await client.failure(of: request) == nil)
        }
    }

    @Test func norDoesItUseAConnectionThatIsOpen() async throws {
        try await withServer { server, client in
            _ = try await client.send(server.post())
            var request = server.post()
            request.requiresPublicAddress = true
            #expect(await client.failure(of: request)?.code == .addressRefused)
            #expect(server.requests.count == 1)
        }
    }
}
