import Sluice
import SluiceAMQP
import Testing

/// After the appendix of <https://www.rabbitmq.com/uri-spec.html>, and what it leaves to be said.
struct URITests {
    struct Example: Sendable {
        var uri: String
        var username = "guest"
        var password = "guest"
        var hosts = ["localhost:5672"]
        var vhost = "/"
    }

    static let examples = [
        Example(
            uri: "amqp://user:pass@host:10000/vhost", username: "user", password: "pass", hosts: ["host:10000"],
            vhost: "vhost"),
        Example(
            uri: "amqp://user%61:%61pass@ho%61st:10000/v%2fhost", username: "usera", password: "apass",
            hosts: ["hoast:10000"], vhost: "v/host"),
        Example(uri: "amqp://"),
        Example(uri: "amqp://:@/", username: "", password: ""),
        Example(uri: "amqp://user@", username: "user"),
        Example(uri: "amqp://user:pass@", username: "user", password: "pass"),
        Example(uri: "amqp://host", hosts: ["host:5672"]),
        Example(uri: "amqp:///vhost", vhost: "vhost"),
        // As RabbitMQ's tutorials for Go write it.
        Example(uri: "amqp://guest:guest@host:5672/", hosts: ["host:5672"]),
        Example(uri: "amqp://host/", hosts: ["host:5672"]),
        Example(uri: "amqp://host/?heartbeat=7", hosts: ["host:5672"]),
        Example(uri: "amqp://host/%2f", hosts: ["host:5672"], vhost: "/"),
        Example(uri: "amqp://[::1]", hosts: ["[::1]:5672"]),
        Example(uri: "AMQP://[::1]:77/x", hosts: ["[::1]:77"], vhost: "x"),
        Example(
            uri: "amqp://u:p@one,two:5673,[::1]:5674/x", username: "u", password: "p",
            hosts: ["one:5672", "two:5673", "[::1]:5674"], vhost: "x"),
        Example(uri: "amqps://one,two:1", hosts: ["one:5671", "two:1"]),
        Example(uri: "amqp://u:p%40ss%3aw%2ford@host", username: "u", password: "p@ss:w/ord", hosts: ["host:5672"]),
        Example(uri: "amqp://u:a:b@host", username: "u", password: "a:b", hosts: ["host:5672"]),
    ]

    @Test(arguments: examples)
    func readsWhatTheSpecificationShows(_ example: Example) throws {
        let configuration = try AMQPConfiguration(uri: example.uri)
        #expect(configuration.username == example.username)
        #expect(configuration.password == example.password)
        #expect(configuration.hosts.map(\.description) == example.hosts)
        #expect(configuration.vhost == example.vhost)
        #expect((configuration.tls != nil) == example.uri.hasPrefix("amqps"))
    }

    @Test func readsOptions() throws {
        let configuration = try AMQPConfiguration(
            uri: "amqps://host?heartbeat=7&connection_timeout=2500&channel_max=64&frame_max=8192&name=my%20name"
                + "&cacertfile=/ca.pem&certfile=/c.pem&keyfile=/k.pem&password=pw&verify=verify_none")
        #expect(configuration.heartbeat == .seconds(7))
        #expect(configuration.connectTimeout == .milliseconds(2_500))
        #expect(configuration.channelMax == 64)
        #expect(configuration.frameMax == 8_192)
        #expect(configuration.connectionName == "my name")
        #expect(configuration.tls?.certificateAuthorities == "/ca.pem")
        #expect(configuration.tls?.certificate == "/c.pem")
        #expect(configuration.tls?.key == "/k.pem")
        #expect(configuration.tls?.keyPassword == "pw")
        #expect(configuration.tls?.verifiesPeer == false)
        #expect(configuration.tls?.verifiesHostname == false)
    }

    @Test(arguments: [
        "", "host", "http://secret@host", "amqp:/secret", "amqp:secret:secret@host", "amqp://u:secret@host:0",
        "amqp://u:secret@host:70000", "amqp://u:secret@host:x", "amqp://u:sec/ret@host", "amqp://u:secret%@host",
        "amqp://u:secret%4@host", "amqp://u:secret%zz@host", "amqp://u:secret@host/a/b", "amqp://u:secret@host//",
        "amqp://u:secret@host/a/", "amqp://u:secret@ho st",
        "amqp://u:secret@host#x", "amqp://u:secret@[::1", "amqp://u:secret@[secret]", "amqp://u:secret@a,,b",
        "amqp://u:secret@host?secret=1", "amqp://u:secret@host?heartbeat=secret", "amqp://u:secret@host?heartbeat=-1",
        "amqp://u:secret@host?cacertfile=/x", "amqps://u:secret@host?verify=secret", "amqp://u:secret%00@host",
        "amqp://u:secret%ff@host", "amqp://u:secret@host?connection_timeout=1", "amqp://u:secret@host?frame_max=1",
        "amqps://u:secret@host?certfile=/x", "amqp://u:secret@[]:1", "amqp://u:secret@:1",
    ])
    func refusesWhatIsWrongAndShowsNothingOfIt(_ uri: String) {
        do {
            let configuration = try AMQPConfiguration(uri: uri)
            Issue.record("taken as \(configuration)")
        } catch {
            #expect(error.field.hasPrefix("AMQPConfiguration."))
            #expect(!"\(error)".contains("secret"))
        }
    }

    @Test func aConfigurationShowsNoCredential() throws {
        let configuration = try AMQPConfiguration(uri: "amqps://someone:secret@host/v?password=secret")
        var dumped = ""
        dump(configuration, to: &dumped)
        dump(configuration.tls, to: &dumped)
        for text in [
            "\(configuration)", String(reflecting: configuration), dumped, "\(String(describing: configuration.tls))",
        ] {
            #expect(!text.contains("secret") && !text.contains("someone"))
        }
    }

    @Test func percentEncodedTextSurvivesAnyByte() throws {
        let password = "a/b:c@d?e#f%g&h=i j,k[l]é"
        let encoded = password.utf8.map { "%" + (($0 < 16 ? "0" : "") + String($0, radix: 16)) }.joined()
        #expect(try AMQPConfiguration(uri: "amqp://u:\(encoded)@host").password == password)
    }
}
