public import CRDKafka
import Synchronization

/// librdkafka's own cluster inside this process, which real clients reach over TCP on the loopback.
///
/// What the cluster of librdkafka 2.0.2 does, as tried:
/// - A topic is created by any request for its metadata, with 4 partitions, also by a consumer and by a look-up.
///   CreateTopics and every other administration are missing: there is no controller (its id is 0, and brokers count
///   from 1), so an admin request waits for one until it times out.
/// - A partition keeps about 5 MiB or 100,000 message sets, and drops the oldest beyond.
/// - Fetch returns one message set a partition and request. One that finds nothing is answered after
///   `fetch.wait.max.ms`, whatever is published meanwhile: tests set that low.
/// - ListOffsets knows the beginning and the end; for a time it answers -1, which clients take for the end.
/// - OffsetCommit keeps the metadata, and OffsetFetch and ListConsumerGroupOffsets give it back; the latter needs the
///   partitions to be named.
/// - Idempotence is not checked (only transactional producers' sequence numbers are): a request that was taken and
///   whose answer was lost is stored twice.
/// - Transactions run, and their offsets are not kept. Aborted records are not hidden from readers: they are either not
///   sent at all, because abort comes first, or visible.
/// - Metadata takes no error and no delay.
/// - Answers that follow one another wait for the client's acknowledgement, which takes up to 40 ms. Kafka sets
///   `TCP_NODELAY`, and so does this class for it.
/// - Errors of requests come from a stack for each kind of request; `_TRANSPORT` closes the connection instead. Fetch
///   takes two from the stack for each request, and the second counts.
/// - Brokers go down without any change of leaders. Commits and group members survive it.
/// - A group waits 3 s for its first members, whose sessions must be longer than that, and at each later change for the
///   session's timeout less a second, however many have come or gone: members are best given sessions of 3 to 4 s.
///
/// The C functions lock; the cluster goes with its last reference, and is not used afterwards: hence `@unchecked`.
public final class MockCluster: @unchecked Sendable {
    /// The kinds of requests (<https://kafka.apache.org/protocol#protocol_api_keys>).
    public enum Request: Int16, Sendable {
        case produce = 0
        case fetch = 1
        case listOffsets = 2
        case metadata = 3
        case offsetCommit = 8
        case offsetFetch = 9
        case findCoordinator = 10
        case joinGroup = 11
        case heartbeat = 12
        case syncGroup = 14
        case initProducerID = 22
        case addPartitionsToTransaction = 24
        case addOffsetsToTransaction = 25
        case endTransaction = 26
        case transactionalOffsetCommit = 28
    }

    /// The cluster refused what a test asked of it.
    public struct Failed: Error {}

    public let brokerCount: Int
    private let client: OpaquePointer
    private let cluster: OpaquePointer
    /// Those of brokers that have been down: librdkafka gives a port up, and aborts when it cannot have it back.
    private let keptPorts = Mutex<[UInt16: KeptPort]>([:])

    /// - Parameter brokers: their ids count from 1.
    public init(brokers: Int = 3) throws {
        let configuration = rd_kafka_conf_new()
        rd_kafka_conf_set_log_cb(configuration) { _, _, _, _ in }
        guard let client = rd_kafka_new(RD_KAFKA_PRODUCER, configuration, nil, 0) else {
            rd_kafka_conf_destroy(configuration)
            throw Failed()
        }
        guard let cluster = rd_kafka_mock_cluster_new(client, Int32(brokers)) else {
            rd_kafka_destroy(client)
            throw Failed()
        }
        brokerCount = brokers
        self.client = client
        self.cluster = cluster
        ListeningSockets.disableNagle(ports: Set(ports))
    }

    deinit {
        rd_kafka_mock_cluster_destroy(cluster)
        rd_kafka_destroy(client)
    }

    /// `host:port` of each broker.
    public var bootstrap: [String] {
        String(cString: rd_kafka_mock_cluster_bootstraps(cluster)).split(separator: ",").map(String.init)
    }

    private var ports: [UInt16] {
        bootstrap.compactMap { $0.split(separator: ":").last.flatMap { UInt16($0) } }
    }

    public func createTopic(_ name: String, partitions: Int = 4) throws {
        try check(rd_kafka_mock_topic_create(cluster, name, Int32(partitions), Int32(min(brokerCount, 3))))
    }

    /// Closes the connections of a broker, or of all, and takes no new ones.
    public func takeDown(_ broker: Int32 = -1) throws {
        try check(rd_kafka_mock_broker_set_down(cluster, broker))
        let closed = broker == -1 ? ports : ports.enumerated().filter { $0.offset + 1 == Int(broker) }.map(\.element)
        try keptPorts.withLock { kept in
            for port in closed where kept[port] == nil {
                guard let port = KeptPort(port) else { throw Failed() }
                kept[port.number] = port
            }
        }
    }

    public func bringUp(_ broker: Int32 = -1) throws {
        try check(rd_kafka_mock_broker_set_up(cluster, broker))
    }

    /// Every answer of the brokers takes this long.
    public func setRoundTrip(milliseconds: Int32, _ broker: Int32 = -1) throws {
        try check(rd_kafka_mock_broker_set_rtt(cluster, broker, milliseconds))
    }

    /// - Parameters:
    ///   - topic: one that exists.
    ///   - partition: from 0.
    ///   - broker: -1 leaves the partition without a leader.
    public func setLeader(_ topic: String, _ partition: Int32, _ broker: Int32) throws {
        try check(rd_kafka_mock_partition_set_leader(cluster, topic, partition, broker))
    }

    /// The broker is the one that keeps this group's offsets and members.
    public func setCoordinator(of group: String, _ broker: Int32) throws {
        try check(rd_kafka_mock_coordinator_set(cluster, "group", group, broker))
    }

    /// The next requests of this kind fail, one with each error.
    public func fail(_ request: Request, _ errors: [rd_kafka_resp_err_t]) {
        rd_kafka_mock_push_request_errors_array(cluster, request.rawValue, errors.count, errors)
    }

    public func stopFailing(_ request: Request) {
        rd_kafka_mock_clear_request_errors(cluster, request.rawValue)
    }

    /// The broker answers the next request of this kind so late, and with this error.
    public func delay(
        _ request: Request, milliseconds: Int32, broker: Int32, error: rd_kafka_resp_err_t = RD_KAFKA_RESP_ERR_NO_ERROR
    ) throws {
        try check(sluice_kafka_mock_delay(cluster, broker, request.rawValue, error, milliseconds))
    }

    /// What the brokers say of a topic when asked for its metadata.
    public func setTopicError(_ topic: String, _ error: rd_kafka_resp_err_t) {
        rd_kafka_mock_topic_set_error(cluster, topic, error)
    }

    private func check(_ code: rd_kafka_resp_err_t) throws {
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw Failed() }
    }
}
