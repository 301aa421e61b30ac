import Synchronization

/// librdkafka's mock cluster with consumer groups that behave as Kafka's do: commits are taken while members join, a
/// change takes no longer than its members, and no member is turned away for being late.
///
/// ```swift
/// let kafka = try GroupCluster()
/// try kafka.mock.createTopic("orders", partitions: 4)
/// let orders = try KafkaSubscriber(KafkaConfiguration(brokers: kafka.bootstrap), group: "invoicing")
/// ```
///
/// It stands in front of the mock cluster, answers what concerns membership, and hands everything else on.
public final class GroupCluster: Sendable {
    /// Keeps records and offsets.
    public let mock: MockCluster
    private let coordinator = GroupCoordinator()
    private let servers: [LoopbackServer]

    /// - Parameter brokers: their ids count from 1.
    public init(brokers: Int = 1) throws {
        mock = try MockCluster(brokers: brokers)
        let ports = mock.bootstrap.compactMap { $0.split(separator: ":").last.flatMap { UInt16($0) } }
        let front = FrontPorts()
        servers = try ports.map { [coordinator] port in
            try LoopbackServer(perConnection: {
                let upstream = try UpstreamConnection(port: port)
                return { request in coordinator.answer(to: request) { upstream.exchange($0, front.values) } }
            })
        }
        front.set(servers.map(\.port))
    }

    /// `host:port` of each broker.
    public var bootstrap: [String] { servers.map(\.address) }

    /// From now on members that join wait until ``releaseJoins(of:)``, however many have come.
    public func holdJoins(of group: String) { coordinator.hold(group, true) }
    public func releaseJoins(of group: String) { coordinator.hold(group, false) }

    /// How many members wait for the group's next generation.
    public func joining(_ group: String) -> Int { coordinator.read(group, \.joining) }
    /// How many members the group has, those that wait included.
    public func members(of group: String) -> Int { coordinator.read(group, \.members.count) }
    public func generation(of group: String) -> Int { Int(coordinator.read(group, \.generation)) }
    /// Whether every member knows what it has.
    public func isStable(_ group: String) -> Bool { coordinator.read(group, \.phase) == .stable }
    /// How many commits of the group were refused, by the protocol's code.
    public func refusedCommits(of group: String) -> [Int16: Int] { coordinator.refusedCommits(of: group) }

    /// Ports of the servers in front, by the brokers' order. Known once these listen.
    private final class FrontPorts: Sendable {
        private let ports = Mutex<[UInt16]>([])

        var values: [UInt16] { ports.withLock(\.self) }
        func set(_ values: [UInt16]) { ports.withLock { $0 = values } }
    }
}
