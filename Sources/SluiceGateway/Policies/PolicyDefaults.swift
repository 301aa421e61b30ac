/// What a destination or sink goes by that says nothing else.
struct PolicyDefaults: Sendable {
    var sink = SinkPolicy.standard
    var destination = DestinationPolicy.standard

    static let keys = YAMLMapping<PolicyDefaults>(ofSinks + ofDestinations)

    private static let ofSinks: [YAMLKey<PolicyDefaults>] = SinkPolicy.keys.map { $0.about(\.sink) }
    private static let ofDestinations: [YAMLKey<PolicyDefaults>] = DestinationPolicy.keys.map {
        $0.about(\.destination)
    }
}
