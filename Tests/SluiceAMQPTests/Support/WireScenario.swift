import Testing

/// A broker that does something else than it should at one moment.
struct WireScenario: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let acts: [FakeAMQPServer.Moment: FakeAMQPServer.Act]

    init(_ name: String, _ moment: FakeAMQPServer.Moment, _ act: FakeAMQPServer.Act) {
        testDescription = name
        acts = [moment: act]
    }
}
