import Foundation
import Sluice
import SluiceHTTP
import SluiceTesting
import Testing

@testable import SluiceGateway

/// Addresses that events have a hand in.
struct HTTPSinkAddressTests {
    private func options(_ server: TestHTTPServer, host: String = "{{service}}", allow: Bool = false) -> HTTPSinkOptions
    {
        HTTPSinkOptions(url: Secret("http://\(host):\(server.port)/x"), body: "1", allowsPrivateAddresses: allow)
    }

    /// The machine's own name, which the resolver knows as a loopback address, where it does.
    static let ownName: String? = {
        let name = ProcessInfo.processInfo.hostName.lowercased()
        return PublicAddress.isPublic(host: name) == nil ? name : nil
    }()

    static let inside =
        [
            "127.0.0.1", "localhost", "LOCALHOST", "a.localhost", "127.1", "127.0.1", "2130706433",
            "0x7f000001", "0x7f.1", "017700000001",
            "0177.0.0.1", "0.0.0.0", "0", "127.255.255.254",
        ] + (ownName.map { [$0] } ?? [])

    @Test(arguments: inside)
    func anEventCannotLeadToThisMachine(_ host: String) async throws {
        try await withHTTPSink {
            options($0)
        } _: { sink, server in
            let outcome = await HTTPSinkFixture.outcome(of: sink, HTTPSinkFixture.deployed(service: host))
            #expect(outcome?.reason == "address_refused")
            #expect(outcome?.disposition == .poison("address_refused"))
            #expect("\(outcome.map { "\($0)" } ?? "")".contains("the host is not at a public address"))
            #expect(server.requests.isEmpty)
            #expect(server.connectionCount == 0)
        }
    }

    @Test(arguments: ["127.0.0.1", "localhost", "127.1", "2130706433"] + (ownName.map { [$0] } ?? []))
    func whereItIsAllowedItMay(_ host: String) async throws {
        try await withHTTPSink {
            options($0, allow: true)
        } _: { sink, server in
            #expect(await HTTPSinkFixture.outcome(of: sink, HTTPSinkFixture.deployed(service: host)) == nil)
            #expect(server.requests.count == 1)
        }
    }

    @Test(arguments: [
        "169.254.169.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "0xA9FEA9FE",
        "2852039166",
        "169.254.43518",
    ])
    func anEventCannotLeadToAPrivateNetwork(_ host: String) async throws {
        try await withHTTPSink {
            options($0)
        } _: { sink, _ in
            let outcome = await HTTPSinkFixture.outcome(of: sink, HTTPSinkFixture.deployed(service: host))
            #expect(outcome?.disposition == .poison("address_refused"))
        }
    }

    @Test(arguments: [
        "[::1]", "::1", "[::ffff:127.0.0.1]", "a b", "a/b", "a@b", "a#b", "a?b", "a\\b", "a%b", "a:80", "ü", "", ".",
        "a..b", ".a",
    ])
    func whatIsNoHostIsNoAddress(_ host: String) async throws {
        try await withHTTPSink {
            options($0)
        } _: { sink, server in
            let outcome = await HTTPSinkFixture.outcome(of: sink, HTTPSinkFixture.deployed(service: host))
            #expect(["url_invalid", "url_field_missing"].contains(outcome?.reason))
            guard case .poison? = outcome?.disposition.kind else { return #expect(Bool(false)) }
            #expect(server.connectionCount == 0)
        }
    }

    @Test(arguments: [
        "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[fe80::1]", "[fd00::1]", "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
    ])
    func aTemplateBesideAPrivateHostIsRefusedAtOnce(_ host: String) throws {
        let url = Secret("http://\(host)/{{id}}")
        #expect(HTTPSinkCheck(HTTPSinkOptions(url: url)).problems.map(\.key) == ["url"])
        #expect(HTTPSinkCheck(HTTPSinkOptions(url: url, allowsPrivateAddresses: true)).problems == [])
        #expect(HTTPSinkCheck(HTTPSinkOptions(url: Secret("http://\(host)/"))).problems == [])
    }

    /// The name is written by the configuration, and resolves to a loopback address: that is seen when it is connected to.
    @Test(.enabled(if: ownName != nil)) func aNameIsLookedAtOnceItIsResolved() async throws {
        let name = try #require(Self.ownName)
        try await withHTTPSink {
            HTTPSinkOptions(url: Secret("http://\(name):\($0.port)/{{service}}"))
        } _: { sink, server in
            // The event did not choose the host: that is for a person to mend.
            let outcome = await HTTPSinkFixture.outcome(of: sink, HTTPSinkFixture.deployed())
            let note = "receiver: the host is not at a public address; allow_private lets it pass"
            #expect(outcome?.disposition == .hold(note, for: .seconds(7)))
            #expect(outcome?.reason == "address_refused")
            #expect(server.connectionCount == 0)
        }
        // Without a field of the event in it, it may be any.
        try await withHTTPSink {
            HTTPSinkOptions(url: Secret("http://\(name):\($0.port)/x"))
        } _: { sink, server in
            #expect(await HTTPSinkFixture.outcome(of: sink, HTTPSinkFixture.deployed()) == nil)
            #expect(server.requests.count == 1)
        }
    }

    /// A connection that is open since another sink's request is no way around it.
    @Test func anOpenConnectionIsNotUsedEither() async throws {
        let server = try TestHTTPServer()
        defer { server.stop() }
        let client = try HTTPClient()
        let parts = SinkParts(name: "x", hold: .seconds(1), client: client)
        let free = try HTTPSinkOptions(url: Secret("http://localhost:\(server.port)/")).makeSink(parts)
        let bound = try options(server).makeSink(parts)
        #expect(await HTTPSinkFixture.outcome(of: free, HTTPSinkFixture.deployed()) == nil)
        let outcome = await HTTPSinkFixture.outcome(of: bound, HTTPSinkFixture.deployed(service: "localhost"))
        #expect(outcome?.disposition == .poison("address_refused"))
        #expect(server.requests.count == 1)
        await client.close(within: .zero)
    }

    @Test func behindAProxyThatResolvesNamesNoneIsTaken() async throws {
        let proxy = try TestHTTPServer { _ in .status(200) }
        defer { proxy.stop() }
        let through = HTTPClient.Proxy.environment(["http_proxy": proxy.url()])
        try await withHTTPSink({ options($0) }, proxy: through) { sink, server in
            let outcome = await HTTPSinkFixture.outcome(of: sink, HTTPSinkFixture.deployed(service: "x.example.org"))
            #expect(outcome?.disposition == .poison("address_refused"))
            #expect("\(outcome.map { "\($0)" } ?? "")".contains("a proxy resolves the name"))
            #expect(proxy.requests.isEmpty)
        }
        try await withHTTPSink({ options($0, allow: true) }, proxy: through) { sink, _ in
            #expect(await HTTPSinkFixture.outcome(of: sink, HTTPSinkFixture.deployed(service: "x.example.org")) == nil)
            #expect(proxy.requests.count == 1)
        }
    }

    @Test(arguments: ["a/b", "a?b=c&d", "a#b", "..%2F..", "ü 🚀", "%2e", "a\\b", "\u{202E}", "a;b", "a+b"])
    func aValueStaysInItsPartOfTheAddress(_ value: String) async throws {
        try await withHTTPSink {
            HTTPSinkOptions(
                url: Secret($0.url("/hooks/{{service}}/post?by={{environment}}")), body: "1",
                allowsPrivateAddresses: true)
        } _: { sink, server in
            #expect(await HTTPSinkFixture.outcome(of: sink, HTTPSinkFixture.deployed(to: value, service: value)) == nil)
            let encoded = PercentEncoding.encoded(value)
            #expect(server.requests.first?.target == "/hooks/\(encoded)/post?by=\(encoded)")
            #expect(encoded.removingPercentEncoding == value)
        }
    }

    @Test(arguments: [".", "..", ""])
    func aValueThatChangesThePathIsNotSent(_ value: String) async throws {
        try await withHTTPSink {
            HTTPSinkOptions(url: Secret($0.url("/hooks/{{service}}/post")), body: "1", allowsPrivateAddresses: true)
        } _: { sink, server in
            let outcome = await HTTPSinkFixture.outcome(of: sink, HTTPSinkFixture.deployed(service: value))
            #expect(outcome?.reason == (value.isEmpty ? "url_field_missing" : "url_invalid"))
            #expect(server.requests.isEmpty)
        }
    }

    @Test func aSectionSaysWhatStandsForAFieldThatIsNotThere() async throws {
        try await withHTTPSink {
            HTTPSinkOptions(
                url: Secret($0.url("/{{#service}}{{service}}{{/service}}{{^service}}none{{/service}}")), body: "1",
                allowsPrivateAddresses: true)
        } _: { sink, server in
            for service in ["web", nil] {
                #expect(await HTTPSinkFixture.outcome(of: sink, HTTPSinkFixture.deployed(service: service)) == nil)
            }
            #expect(server.requests.map(\.target) == ["/web", "/none"])
        }
    }
}
