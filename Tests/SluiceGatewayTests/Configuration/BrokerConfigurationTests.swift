import Foundation
import GatewayTestSupport
import SluiceGateway
import SluiceKafka
import SluiceTestBrokers
import Testing

struct BrokerConfigurationTests {
    private func problems(_ environment: [String: String]) throws -> [String] {
        let error = #expect(throws: EnvironmentError.self) { try GatewayConfiguration(environment: environment) }
        return try #require(error).problems
    }

    @Test(
        arguments: [
            ("1GiB", 1 << 30), ("500MB", 500_000_000), ("1.5 gib", 3 << 29), ("2000000", 2_000_000),
            ("2000kB", 2_000_000),
            ("1048576B", 1 << 20),
        ] as [(String, Int64)])
    func sizesHaveUnits(text: String, bytes: Int64) throws {
        let configuration = try GatewayConfiguration(environment: ["POISON_RETENTION_BYTES": text])
        #expect(configuration.poisonRetention == bytes)
    }

    @Test(arguments: ["1", "GiB", "-1GiB", "1 GiB more", "1e9", "9999TiB", "1.2.3MB", "١GiB"])
    func sizesThatAreNoneAreRefused(text: String) throws {
        let error = #expect(throws: EnvironmentError.self) {
            _ = try GatewayConfiguration(environment: ["POISON_RETENTION_BYTES": text])
        }
        #expect(error?.description.hasPrefix("POISON_RETENTION_BYTES: expected a size such as 500MB or 1GiB") == true)
    }

    @Test func whatIsKeptHasAnEnd() throws {
        let standard = try GatewayConfiguration(environment: [:])
        #expect(standard.poisonRetention == 1 << 30)
        #expect(standard.groupRetention == .seconds(30 * 86_400) && standard.ledgerRetention == .seconds(400 * 86_400))
        let set = try GatewayConfiguration(environment: ["GROUP_RETENTION": "7", "LEDGER_RETENTION": "800"])
        #expect(set.groupRetention == .seconds(7 * 86_400) && set.ledgerRetention == .seconds(800 * 86_400))
    }

    @Test func noBrokerIsUsedUnlessSet() throws {
        let configuration = try GatewayConfiguration(environment: ["KAFKA_TOPIC": "t", "AMQP_QUEUE": "q"])
        #expect(configuration.kafka == nil && configuration.deployments.amqp == nil && configuration.retention == nil)
    }

    @Test func takesEveryVariableOfKafka() throws {
        let configuration = try GatewayConfiguration(environment: [
            "KAFKA_BROKERS": "one:9092, two:9093", "KAFKA_TOPIC": "deploys.v1", "KAFKA_GROUP": "team_a",
            "KAFKA_PARTITIONS": "12", "KAFKA_REPLICATION": "3", "KAFKA_TLS": "true",
            "KAFKA_SASL_MECHANISM": "scram-sha-512", "KAFKA_USERNAME": "sluice", "KAFKA_PASSWORD": "p w",
            "KAFKA_PROPERTIES": "compression.type=zstd, socket.keepalive.enable=true", "EVENT_RETENTION": "1.5",
        ])
        let kafka = try #require(configuration.kafka)
        #expect(kafka.client.brokers == ["one:9092", "two:9093"])
        #expect(kafka.topic == "deploys.v1" && kafka.group == "team_a")
        #expect(kafka.partitions == 12 && kafka.replication == 3)
        #expect(kafka.client.tls != nil)
        #expect(kafka.client.sasl?.mechanism == .scramSHA512 && kafka.client.sasl?.username == "sluice")
        #expect(
            kafka.client.properties == ["compression.type": "zstd", "socket.keepalive.enable": "true"])
        #expect(configuration.retention == .seconds(129_600))
        #expect(configuration.warnings.isEmpty)
    }

    @Test(arguments: [
        ("ssl.cipher.suites=A,B,acks=1", ["ssl.cipher.suites": "A,B", "acks": "1"]),
        ("acks=1,,client.rack=a b, c,", ["acks": "1", "client.rack": "a b, c"]),
        (
            #"sasl.oauthbearer.config=principal=admin\,scope=x,acks=1"#,
            ["sasl.oauthbearer.config": "principal=admin,scope=x", "acks": "1"]
        ),
        (#"client.rack=a\b\\,c\"#, ["client.rack": #"a\b\,c\"#]),
        ("client.rack=", ["client.rack": ""]),
    ])
    func aPropertyOfKafkaCanHoldCommas(text: String, properties: [String: String]) throws {
        let environment = ["KAFKA_BROKERS": "b:9092", "KAFKA_PROPERTIES": text]
        #expect(try GatewayConfiguration(environment: environment).kafka?.client.properties == properties)
    }

    @Test func hasDefaultsForAllButTheBrokers() throws {
        let kafka = try #require(try GatewayConfiguration(environment: ["KAFKA_BROKERS": "localhost:9092"]).kafka)
        #expect(kafka.topic == "events" && kafka.group == "sluice" && kafka.partitions == 6)
        #expect(kafka.replication == nil && kafka.client.tls == nil && kafka.client.sasl == nil)
        let amqp = try #require(
            try GatewayConfiguration(environment: ["AMQP_URI": "amqp://localhost"]).deployments.amqp)
        #expect(amqp.queue == "deployments")
    }

    @Test(
        arguments: [
            (["KAFKA_BROKERS": "localhost"], "KAFKA_BROKERS"),
            (["KAFKA_BROKERS": "b:9092", "KAFKA_PROPERTIES": "no.such.property=1"], "KAFKA_PROPERTIES"),
            // The rest of a password that holds a comma, and what stands in the wrong place.
            (["KAFKA_BROKERS": "b:9092", "KAFKA_PROPERTIES": "sasl.password=a,hidden=b"], "KAFKA_PROPERTIES"),
            (["KAFKA_BROKERS": "b:9092", "KAFKA_PROPERTIES": "security.protocol=hidden"], "KAFKA_PROPERTIES"),
            (["KAFKA_BROKERS": "b:9092", "KAFKA_PROPERTIES": "acks=hidden"], "KAFKA_PROPERTIES"),
            (["KAFKA_BROKERS": "b:9092", "KAFKA_PROPERTIES": "linger.ms=hidden"], "KAFKA_PROPERTIES"),
            (["KAFKA_BROKERS": "b:9092", "KAFKA_SASL_MECHANISM": "plain"], "KAFKA_USERNAME"),
            (["KAFKA_BROKERS": "b:9092", "KAFKA_TLS_KEY_PASSWORD": "hidden"], "KAFKA_TLS_KEY"),
            (["KAFKA_BROKERS": "b:9092", "KAFKA_PROPERTIES": "nonsense"], "KAFKA_PROPERTIES"),
            (["KAFKA_BROKERS": "b:9092", "KAFKA_TOPIC": "ä"], "KAFKA_TOPIC"),
            (["KAFKA_BROKERS": "b:9092", "KAFKA_TOPIC": ".."], "KAFKA_TOPIC"),
            (["KAFKA_BROKERS": "b:9092", "KAFKA_GROUP": "a b"], "KAFKA_GROUP"),
            (["KAFKA_BROKERS": "b:9092", "KAFKA_PARTITIONS": "0"], "KAFKA_PARTITIONS"),
            (["KAFKA_BROKERS": "b:9092", "KAFKA_REPLICATION": "1.5"], "KAFKA_REPLICATION"),
            (["KAFKA_BROKERS": "b:9092", "KAFKA_PASSWORD": "hidden"], "KAFKA_USERNAME"),
            (["KAFKA_BROKERS": "b:9092", "KAFKA_USERNAME": "u"], "KAFKA_PASSWORD"),
            (["KAFKA_BROKERS": "b:9092", "KAFKA_SASL_MECHANISM": "gssapi"], "KAFKA_SASL_MECHANISM"),
            (["KAFKA_BROKERS": "b:9092", "KAFKA_TLS_CA": "/x", "KAFKA_TLS": "false"], "KAFKA_TLS"),
            (["KAFKA_BROKERS": "b:9092", "KAFKA_TLS_KEY": "/x"], "KAFKA_TLS_CERT"),
            (["AMQP_URI": "amqps://user:hidden@host?keyfile=/x"], "AMQP_URI"),
            (["AMQP_URI": "amqps://user:hidden@host?cacertfile=/x"], "AMQP_URI"),
            (["AMQP_URI": "amqps://user:hidden@host?password=hidden"], "AMQP_URI"),
            (["AMQP_URI": "http://hidden"], "AMQP_URI"),
            (["AMQP_URI": "amqp://user:hidden@host:99999"], "AMQP_URI"),
            (["AMQP_URI": "amqp://host", "AMQP_QUEUE": "amq.gen"], "AMQP_QUEUE"),
            (["EVENT_RETENTION": "0"], "EVENT_RETENTION"), (["EVENT_RETENTION": "a week"], "EVENT_RETENTION"),
        ] as [([String: String], String)])
    func namesWhatIsWrongAndShowsNoSecret(environment: [String: String], variable: String) throws {
        let problems = try problems(environment)
        #expect(problems.map { String($0.prefix { $0 != ":" }) } == [variable])
        #expect(problems.allSatisfy { $0.contains("expected") && !$0.contains("hidden") })
    }

    @Test func warnsOfSettingsWithoutBrokers() throws {
        let configuration = try GatewayConfiguration(environment: ["KAFKA_USERNAME": "u", "KAFKA_PASSWORD": "hidden"])
        #expect(configuration.warnings == ["KAFKA_… is set without KAFKA_BROKERS: no Kafka"])
    }

    @Test func showsNoSecretByAccident() throws {
        let configuration = try GatewayConfiguration(environment: [
            "KAFKA_BROKERS": "b:9092", "KAFKA_USERNAME": "u", "KAFKA_PASSWORD": "hidden",
            "KAFKA_PROPERTIES": "ssl.key.password=hidden", "AMQP_URI": "amqp://user:hidden@host",
        ])
        var dumped = ""
        dump(configuration, to: &dumped)
        #expect(!"\(configuration) \(String(reflecting: configuration)) \(dumped)".contains("hidden"))
    }

    /// Every file is read at start, and blamed by its variable, without a word of OpenSSL's.
    @Test(.timeLimit(.minutes(10)))
    func readsEveryFileAndChecksEveryPair() async throws {
        let listener = try await TLSListener()
        // They go with it.
        defer { withExtendedLifetime(listener) {} }
        let files = listener.files
        let directory = try TemporaryDirectory()
        func file(_ name: String, _ text: String) throws -> String {
            let path = "\(directory.path)/\(name)"
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
            return path
        }
        let empty = try file("empty", "")
        let damaged = try file(
            "damaged", "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n")
        let nonsense = try file("nonsense", "nonsense")
        let (missing, certificate, key) = ("\(directory.path)/missing", files.certificate, files.key)
        let cases:
            [(ca: String?, certificate: String?, key: String?, password: String?, variable: String, words: String)] =
                [
                    (missing, nil, nil, nil, "CA", "exists"), (empty, nil, nil, nil, "CA", "empty"),
                    (nonsense, nil, nil, nil, "CA", "PEM"), (damaged, nil, nil, nil, "CA", "damaged"),
                    (key, nil, nil, nil, "CA", "private key"),
                    (nil, certificate, nil, nil, "KEY", "beside"), (nil, nil, key, nil, "CERT", "beside"),
                    (nil, missing, key, files.keyPassword, "CERT", "exists"),
                    (nil, certificate, missing, files.keyPassword, "KEY", "exists"),
                    (nil, directory.path, key, files.keyPassword, "CERT", "directory"),
                    (nil, certificate, key, nil, "KEY", "encrypted"),
                    (nil, certificate, key, "hidden", "KEY_PASSWORD", "encrypted"),
                    (nil, certificate, files.strangeKey, nil, "KEY", "another's"),
                    (nil, certificate, certificate, nil, "KEY", "holds a certificate"),
                ]
        for wanted in cases {
            var kafka = ["KAFKA_BROKERS": "b:9092"]
            kafka["KAFKA_TLS_CA"] = wanted.ca
            kafka["KAFKA_TLS_CERT"] = wanted.certificate
            kafka["KAFKA_TLS_KEY"] = wanted.key
            kafka["KAFKA_TLS_KEY_PASSWORD"] = wanted.password
            let problems = try problems(kafka)
            #expect(problems.count == 1, "\(problems)")
            #expect(problems.first?.hasPrefix("KAFKA_TLS_\(wanted.variable): expected ") == true, "\(problems)")
            #expect(problems.first?.contains(wanted.words) == true, "\(problems)")
            #expect(!problems.joined().contains("hidden") && !problems.joined().contains("error:"))

            var properties = ["security.protocol=ssl"]
            if let value = wanted.ca { properties.append("ssl.ca.location=\(value)") }
            if let value = wanted.certificate { properties.append("ssl.certificate.location=\(value)") }
            if let value = wanted.key { properties.append("ssl.key.location=\(value)") }
            if let value = wanted.password { properties.append("ssl.key.password=\(value)") }
            let others = try self.problems([
                "KAFKA_BROKERS": "b:9092", "KAFKA_PROPERTIES": properties.joined(separator: ","),
            ])
            #expect(others.count == 1 && others.first?.contains(wanted.words) == true, "\(others)")

            var options: [String] = []
            if let value = wanted.ca { options.append("cacertfile=\(value)") }
            if let value = wanted.certificate { options.append("certfile=\(value)") }
            if let value = wanted.key { options.append("keyfile=\(value)") }
            if let value = wanted.password { options.append("password=\(value)") }
            let amqp = try self.problems(["AMQP_URI": "amqps://u:hidden@host?\(options.joined(separator: "&"))"])
            #expect(amqp.count == 1 && amqp.first?.hasPrefix("AMQP_URI: ") == true, "\(amqp)")
            #expect(!amqp.joined().contains("hidden") && !amqp.joined().contains("error:"))
        }
        let good = try GatewayConfiguration(environment: [
            "KAFKA_BROKERS": "b:9092", "KAFKA_TLS_CA": files.authority, "KAFKA_TLS_CERT": certificate,
            "KAFKA_TLS_KEY": key, "KAFKA_TLS_KEY_PASSWORD": files.keyPassword,
            "AMQP_URI":
                "amqps://host?cacertfile=\(files.authority)&certfile=\(certificate)&keyfile=\(key)&password=\(files.keyPassword)",
        ])
        #expect(good.warnings.isEmpty)
        // It may be renewed before the first connection.
        let expired = try GatewayConfiguration(environment: [
            "KAFKA_BROKERS": "b:9092", "KAFKA_TLS_CERT": files.expired, "KAFKA_TLS_KEY": files.expiredKey,
        ])
        #expect(expired.warnings == ["KAFKA_TLS_CERT: the certificate has expired"])
    }
}
