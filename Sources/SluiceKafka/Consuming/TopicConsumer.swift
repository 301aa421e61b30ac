import CRDKafka
import Logging
import Sluice
import Synchronization

/// One subscription: its client, the thread that owns it, and what others may ask of these.
final class TopicConsumer: Sendable {
    let topic: Topic
    let subscription: Subscription
    private let monitor: ClientMonitor
    private let control: ConsumerInbox
    private let thread: WorkerThread

    /// What a client is made of.
    struct Plan: Sendable {
        let configuration: KafkaConfiguration
        let group: String?
        let options: KafkaSubscriber.Configuration

        init(_ configuration: KafkaConfiguration, group: String?, options: KafkaSubscriber.Configuration) {
            self.configuration = configuration
            self.group = group
            self.options = options.adopting(configuration.properties)
        }

        func makeClient(_ monitor: ClientMonitor, _ control: ConsumerInbox) throws(KafkaError) -> NativeClient {
            let callbacks = NativeClient.Callbacks(onGroupTraffic: { control.note($0) })
            return try NativeClient(.consumer, native(), events: events, callbacks: callbacks, monitor: monitor)
        }

        /// Makes a client that knows of no broker and gives it up.
        func validate() throws(KafkaError) {
            let silent = Logger(label: "silent") { _ in SwiftLogNoOpLogHandler() }
            let native = try native()
            try native.set("bootstrap.servers", "", redacting: configuration.secrets)
            let monitor = ClientMonitor(secrets: configuration.secrets, logger: silent, meter: nil)
            try NativeClient(.consumer, native, events: events, monitor: monitor).destroy(leaving: false)
        }

        private var events: Int32 { RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_OFFSET_COMMIT }

        private func native() throws(KafkaError) -> NativeConfiguration {
            try configuration.native(
                options: options.properties(group: group), recent: KafkaSubscriber.Configuration.recent,
                required: KafkaSubscriber.Configuration.required(group: group))
        }
    }

    init(_ topic: Topic, _ plan: Plan, logger: Logger, meter: ClientMeter?) throws(KafkaError) {
        var logger = logger
        logger[metadataKey: "topic"] = "\(topic)"
        let monitor = ClientMonitor(
            secrets: plan.configuration.secrets, logger: logger, meter: meter, diary: plan.configuration.diary)
        let control = ConsumerInbox(
            patience: plan.group == nil ? nil : plan.options.sessionTimeout,
            heartbeatInterval: plan.options.heartbeatInterval)
        let signal = control.load.signal
        let load = control.load
        let shelf = Shelf(
            .transient, maxInFlight: plan.options.maxInFlight, onReading: {},
            onRequest: { key in
                load.shelf.request(key)
                signal.raise()
            },
            onOpen: { signal.raise() })
        let subscription = Subscription(
            holding: plan.options.capacity, redelivery: .route, shelf: shelf, onDemand: { signal.raise() },
            onEnd: { signal.raise() })
        let client = try plan.makeClient(monitor, control)
        do {
            thread = try WorkerThread(name: "kafka-consumer") { [logger] in
                let loop = ConsumerLoop(
                    topic, plan, client, subscription: subscription, control: control, monitor: monitor, logger: logger)
                loop.run()
            }
        } catch {
            client.destroy(leaving: false)
            throw KafkaError(.init(RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE), detail: "\(error)")
        }
        self.topic = topic
        self.subscription = subscription
        self.monitor = monitor
        self.control = control
    }

    var hasEnded: Bool { control.hasEnded }
    var connectionState: KafkaConnectionState { monitor.connectionState }
    var statistics: KafkaStatistics? { monitor.statistics }

    var groupMetadata: KafkaGroupMetadata? { control.membership }

    func lag() -> [Int32: KafkaLag.Partition] {
        var partitions: [Int32: KafkaLag.Partition] = [:]
        for feed in control.feeds {
            let found = feed.ledger.withLock { ledger in ledger.lag().map { ($0, ledger.shelved, ledger.holder) } }
            guard let (lag, shelved, holder) = found else { continue }
            partitions[feed.partition] = KafkaLag.Partition(
                messages: lag.messages, oldest: lag.oldest, shelved: Int64(shelved), holder: holder)
        }
        return partitions
    }

    /// Lets the thread commit what is settled, leave the group and end.
    func end() {
        control.ask(.close)
    }

    /// The same, and returns when it has.
    func close() async {
        end()
        await thread.end()
    }

    func crash() async {
        control.ask(.crash)
        await thread.end()
    }
}

/// What a consumer's thread and the rest of the program tell each other.
final class ConsumerInbox: Sendable {
    enum Request: UInt8 {
        case none, close, crash
    }

    let load: ConsumerLoad
    let traffic: GroupTraffic
    private let state = Mutex(State())

    /// - Parameter patience: how long the group waits for a member; nil without a group.
    init(patience: Duration?, heartbeatInterval: Duration) {
        load = ConsumerLoad(patience: patience)
        traffic = GroupTraffic(heartbeatInterval: heartbeatInterval)
    }

    private struct State {
        var request = Request.none
        var feeds: [PartitionFeed] = []
        var membership: KafkaGroupMetadata?
        var hasEnded = false
    }

    var request: Request { state.withLock(\.request) }

    func ask(_ request: Request) {
        state.withLock { $0.request = request }
        load.signal.raise()
    }

    func note(_ event: GroupTraffic.Event) {
        if traffic.note(event) { load.signal.raise() }
    }

    /// The partitions that the consumer has now.
    var feeds: [PartitionFeed] {
        get { state.withLock(\.feeds) }
        set { state.withLock { $0.feeds = newValue } }
    }

    /// The consumer's place in its group since the last change.
    var membership: KafkaGroupMetadata? {
        get { state.withLock(\.membership) }
        set { state.withLock { $0.membership = newValue } }
    }

    var hasEnded: Bool { state.withLock(\.hasEnded) }

    func end() {
        state.withLock { state in
            state.hasEnded = true
            state.membership = nil
            state.feeds = []
        }
    }
}
