import Synchronization

/// A Kafka broker for what librdkafka's mock cluster does not have: it tells of topics, makes them and describes their
/// settings, remembers what it was asked, and makes no topic because a client looks for it. It takes no records and has
/// no groups (<https://kafka.apache.org/protocol>).
///
/// ```swift
/// let broker = try ScriptedBroker(topics: ["orders": .init(partitions: 6)])
/// let topics = try KafkaTopics(KafkaConfiguration(brokers: [broker.address]))
/// ```
public final class ScriptedBroker: Sendable {
    /// A topic as it was asked for, or as it is.
    public struct Topic: Sendable, Equatable {
        public var partitions: Int32
        public var replication: Int16
        public var settings: [String: String]

        public init(partitions: Int32, replication: Int16 = 1, settings: [String: String] = [:]) {
            self.partitions = partitions
            self.replication = replication
            self.settings = settings
        }
    }

    private struct State {
        var topics: [String: Topic]
        var created: [(name: String, topic: Topic)] = []
        var mayCreate = true
        var autoCreations: [Bool] = []
    }

    /// `127.0.0.1:port`.
    public var address: String { server.address }
    private let server: LoopbackServer
    private let state: Shared

    private final class Shared: Sendable {
        let state: Mutex<State>

        init(_ state: State) {
            self.state = Mutex(state)
        }
    }

    /// What a topic gets where nothing is stated: Kafka's own defaults.
    public static let defaults = [
        "cleanup.policy": "delete", "retention.ms": "604800000", "retention.bytes": "-1", "segment.ms": "604800000",
        "segment.bytes": "1073741824", "max.message.bytes": "1048588",
    ]

    /// - Parameter topics: those that are there, by name.
    public init(topics: [String: Topic] = [:]) throws {
        let shared = Shared(State(topics: topics))
        state = shared
        let box = PortBox()
        server = try LoopbackServer { request in Self.answer(to: request, shared, box.value) }
        box.set(server.port)
    }

    /// The server's port, which its answers tell and which is known only once it listens.
    private final class PortBox: Sendable {
        private let port = Mutex<UInt16>(0)

        var value: UInt16 { port.withLock(\.self) }
        func set(_ value: UInt16) { port.withLock { $0 = value } }
    }

    public var topics: [String: Topic] { state.state.withLock(\.topics) }
    /// What was made, in the order in which it was.
    public var created: [(name: String, topic: Topic)] { state.state.withLock(\.created) }
    /// Of each question for a topic, whether the broker was to make it if it were missing.
    public var autoCreations: [Bool] { state.state.withLock(\.autoCreations) }

    public func delete(_ topic: String) {
        state.state.withLock { $0.topics[topic] = nil }
    }

    /// Changes a topic's setting.
    public func alter(_ topic: String, _ setting: String, _ value: String) {
        state.state.withLock { $0.topics[topic]?.settings[setting] = value }
    }

    /// From now on the broker refuses to make topics.
    public func forbidCreation() {
        state.state.withLock { $0.mayCreate = false }
    }

    private static func answer(to request: [UInt8], _ shared: Shared, _ port: UInt16) -> [UInt8] {
        var reader = KafkaWireReader(request)
        let (kind, version) = (reader.int16(), reader.int16())
        _ = reader.int32()
        _ = reader.string()
        var writer = KafkaWireWriter()
        switch kind {
        case 3: metadata(&reader, &writer, shared, port)
        case 18: versions(version, &writer)
        case 19: create(&reader, &writer, shared)
        case 22:
            writer.int32(0)
            writer.int16(0)
            writer.int64(1)
            writer.int16(0)
        case 32: describe(&reader, &writer, shared)
        default: break
        }
        return writer.bytes
    }

    /// Each kind with the first and the last version that is spoken here. It counts as one that takes idempotent
    /// producers, which would not stay otherwise.
    private static func versions(_ version: Int16, _ writer: inout KafkaWireWriter) {
        let known: [(kind: Int16, first: Int16, last: Int16)] = [
            (3, 4, 4), (18, 0, 0), (19, 2, 2), (22, 0, 1), (32, 1, 1),
        ]
        // Who asks in a later version is told the first, and asks again.
        writer.int16(version == 0 ? 0 : 35)
        writer.int32(Int32(known.count))
        for entry in known {
            writer.int16(entry.kind)
            writer.int16(entry.first)
            writer.int16(entry.last)
        }
    }

    private static func metadata(
        _ reader: inout KafkaWireReader, _ writer: inout KafkaWireWriter, _ shared: Shared, _ port: UInt16
    ) {
        let count = reader.int32()
        var names = (0..<max(0, count)).map { _ in reader.string() }
        let mayMake = reader.int8() != 0
        let topics = shared.state.withLock { state in
            if count > 0 { state.autoCreations.append(mayMake) }
            return state.topics
        }
        if count < 0 { names = topics.keys.sorted() }
        writer.int32(0)
        writer.int32(1)
        writer.int32(1)
        writer.string("127.0.0.1")
        writer.int32(Int32(port))
        writer.string(nil)
        writer.string("scripted")
        writer.int32(1)
        writer.int32(Int32(names.count))
        for name in names {
            let topic = topics[name]
            writer.int16(topic == nil ? 3 : 0)
            writer.string(name)
            writer.int8(0)
            writer.int32(topic?.partitions ?? 0)
            for partition in 0..<(topic?.partitions ?? 0) {
                writer.int16(0)
                writer.int32(partition)
                writer.int32(1)
                for _ in 0..<2 {
                    writer.int32(Int32(topic?.replication ?? 1))
                    for _ in 0..<(topic?.replication ?? 1) { writer.int32(1) }
                }
            }
        }
    }

    private static func create(_ reader: inout KafkaWireReader, _ writer: inout KafkaWireWriter, _ shared: Shared) {
        let count = reader.int32()
        writer.int32(0)
        writer.int32(max(0, count))
        for _ in 0..<max(0, count) {
            let name = reader.string()
            let partitions = reader.int32()
            let replication = reader.int16()
            for _ in 0..<max(0, reader.int32()) {
                _ = reader.int32()
                for _ in 0..<max(0, reader.int32()) { _ = reader.int32() }
            }
            var settings: [String: String] = [:]
            for _ in 0..<max(0, reader.int32()) {
                let setting = reader.string()
                settings[setting] = reader.string()
            }
            let code: Int16 = shared.state.withLock { state in
                if state.topics[name] != nil { return 36 }
                guard state.mayCreate else { return 29 }
                let topic = Topic(partitions: partitions, replication: max(1, replication), settings: settings)
                state.created.append((name, topic))
                state.topics[name] = topic
                state.topics[name]?.settings = defaults.merging(settings) { $1 }
                return 0
            }
            writer.string(name)
            writer.int16(code)
            writer.string(code == 0 ? nil : "refused")
        }
    }

    private static func describe(_ reader: inout KafkaWireReader, _ writer: inout KafkaWireWriter, _ shared: Shared) {
        let count = reader.int32()
        writer.int32(0)
        writer.int32(max(0, count))
        for _ in 0..<max(0, count) {
            let kind = reader.int8()
            let name = reader.string()
            for _ in 0..<max(0, reader.int32()) { _ = reader.string() }
            let topic = shared.state.withLock { $0.topics[name] }
            writer.int16(topic == nil ? 3 : 0)
            writer.string(nil)
            writer.int8(kind)
            writer.string(name)
            let settings = defaults.merging(topic?.settings ?? [:]) { $1 }.sorted { $0.key < $1.key }
            writer.int32(Int32(settings.count))
            for (setting, value) in settings {
                writer.string(setting)
                writer.string(value)
                writer.int8(0)
                writer.int8(1)
                writer.int8(0)
                writer.int32(0)
            }
        }
    }
}

/// Reads the protocol's primitive types; zeros behind the end.
struct KafkaWireReader {
    private var bytes: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) {
        self.bytes = bytes[...]
    }

    private mutating func number(_ count: Int) -> UInt64 {
        let part = bytes.prefix(count)
        bytes = bytes.dropFirst(count)
        return part.reduce(0) { $0 << 8 | UInt64($1) }
    }

    mutating func int8() -> Int8 { Int8(truncatingIfNeeded: number(1)) }
    mutating func int16() -> Int16 { Int16(truncatingIfNeeded: number(2)) }
    mutating func int32() -> Int32 { Int32(truncatingIfNeeded: number(4)) }
    mutating func int64() -> Int64 { Int64(truncatingIfNeeded: number(8)) }

    /// What has not been read.
    var rest: [UInt8] { Array(bytes) }

    /// Null is empty.
    mutating func data() -> [UInt8] {
        let count = Int(max(0, int32()))
        defer { bytes = bytes.dropFirst(count) }
        return Array(bytes.prefix(count))
    }

    /// Null is empty.
    mutating func string() -> String {
        let count = Int(max(0, int16()))
        defer { bytes = bytes.dropFirst(count) }
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }
}

/// Writes the protocol's primitive types.
struct KafkaWireWriter {
    private(set) var bytes: [UInt8] = []

    private mutating func write(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.bigEndian) { bytes += $0 }
    }

    mutating func int8(_ value: Int8) { write(value) }
    mutating func int16(_ value: Int16) { write(value) }
    mutating func int32(_ value: Int32) { write(value) }
    mutating func int64(_ value: Int64) { write(value) }

    mutating func data(_ value: [UInt8]) {
        int32(Int32(value.count))
        bytes += value
    }

    /// Bytes as they are.
    mutating func append(_ value: [UInt8]) { bytes += value }

    mutating func string(_ text: String?) {
        int16(text.map { Int16($0.utf8.count) } ?? -1)
        if let text { bytes += text.utf8 }
    }
}
