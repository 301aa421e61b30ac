extension GatewayConfiguration {
    /// Simulated deployments.
    public struct Simulator: Sendable, Hashable {
        /// From push to staging. Default 30 seconds.
        public var stagingDelay: Duration = .seconds(30)
        /// From push to production. Default 90 seconds.
        public var productionDelay: Duration = .seconds(90)

        public init() {}
    }
}

extension GatewayConfiguration.Simulator {
    private static let isOn = ConfigurationOption(
        "enabled", "SIMULATE_DEPLOYMENTS", .boolean, default: "false", example: .hint("false"),
        "Deploy each pushed commit to staging and later to production, for show")
    private static let staging = ConfigurationOption(
        "staging_delay", "SIMULATE_STAGING_DELAY", .seconds(0...2_592_000), default: "30", example: .hint("30"),
        "From push to the simulated deployment to staging")
    private static let production = ConfigurationOption(
        "production_delay", "SIMULATE_PRODUCTION_DELAY", .seconds(0...2_592_000), default: "90", example: .hint("90"),
        "From push to the simulated deployment to production")

    static let options = [isOn.variable, staging.variable, production.variable]

    /// Nil unless it is on.
    static func read(_ values: inout ConfigurationValues) -> Self? {
        var simulator = Self()
        simulator.stagingDelay = values.read(staging) ?? simulator.stagingDelay
        simulator.productionDelay = values.read(production) ?? simulator.productionDelay
        return values.read(isOn) ?? false ? simulator : nil
    }
}
