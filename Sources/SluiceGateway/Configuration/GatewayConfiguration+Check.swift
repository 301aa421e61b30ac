import Sluice

extension GatewayConfiguration {
    /// Looks at everything that can be wrong by itself, before a file is opened.
    /// - Throws: ``ConfigurationError`` that names each field by the name that it has here.
    func validate() throws(ConfigurationError) {
        try ConfigurationCheck.all(of: "GatewayConfiguration") { check in
            for setting in Self.settings { setting.check(self, &check) }
            check(
                "metricsBindAddress", !bindAddress.collides(with: metricsBindAddress),
                expected: "another address and port than bindAddress")
            check("simulator.stagingDelay", simulator?.stagingDelay, in: .zero...)
            check("simulator.productionDelay", simulator?.productionDelay, in: .zero...)
            kafka?.check(&check)
            check.include(sources.problems + deliveredTo.problems)
        }
    }
}

extension GatewayConfiguration.Kafka {
    fileprivate func check(_ check: inout ConfigurationCheck) {
        for (field, name, option) in [("topic", topic, KafkaOptions.topic), ("group", group, KafkaOptions.group)] {
            let isName = !name.isEmpty && (try? option.format.value(of: name)) != nil
            check("kafka.\(field)", isName, expected: option.format.expectation, value: SinkName.shown(name))
        }
        check("kafka.partitions", partitions, in: 1...)
        check("kafka.replication", replication, in: 1...)
    }
}

extension ConfigurationError {
    /// The same, where these fields have other names for who has configured them.
    func naming(_ names: [String: String]) -> ConfigurationError {
        ConfigurationError(
            problems.map { .init(names[$0.field] ?? $0.field, expected: $0.expected, value: $0.value) }) ?? self
    }

    /// Makes something out of values of the gateway's configuration, whose names its errors have.
    /// - Parameter names: of the maker's fields, by their names there.
    static func naming<Made>(_ names: [String: String], _ make: () throws -> Made) throws -> Made {
        do {
            return try make()
        } catch let error as ConfigurationError {
            throw error.naming(names)
        }
    }
}
