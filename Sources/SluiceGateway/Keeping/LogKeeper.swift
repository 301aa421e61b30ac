import Logging
import ServiceLifecycle
import Sluice
import SluiceSQLite
import Synchronization

/// Shows what the embedded log keeps and why: groups that nothing reads, poison that had to go, a clock in doubt.
final class LogKeeper: Service {
    /// How soon a group that was removed or left behind shows.
    private static let interval: Duration = .seconds(5)
    /// How many groups are named in `/readyz`; the others are counted.
    private static let named = 5
    /// The group whose position in the poison topic says what people have looked at: it reads from time to time.
    private static let poisonGroup = "poison"

    private let groupRetention: Duration
    /// How the retention of events is called.
    private let retentionName: String
    private let logger: Logger
    private let failures: SQLiteFailures
    private let dropped: CounterHandle
    private let doubted: GaugeHandle
    private let idleGroups: GaugeHandle
    private let idleMessages: GaugeHandle
    private let state = Mutex(State())

    private struct State {
        var log: SQLiteLog?
        var routes: Set<String> = []
        var keepsEvents = true
        var idle: [SQLiteGroup] = []
        /// Which have been logged.
        var known: Set<String> = []
        /// The names of all groups.
        var names: [String] = []
    }

    init(_ configuration: GatewayConfiguration, _ instruments: Instruments, logger: Logger) {
        groupRetention = configuration.groupRetention
        retentionName = configuration.names.name(ProcessOptions.retention.variable, in: "queue")
        self.logger = logger
        failures = SQLiteFailures(instruments)
        dropped = instruments.counter(.poisonDropped, [("topic", SQLiteQueue.poisonTopic.name)])
        doubted = instruments.gauge(.clockDoubted, [])
        idleGroups = instruments.gauge(.idleGroups, [])
        idleMessages = instruments.gauge(.idleGroupMessages, [])
        doubted.set(0)
    }

    /// Opens the log with the retention that the configuration asks for.
    func open(_ path: String, _ configuration: GatewayConfiguration) throws -> SQLiteLog {
        var file = SQLiteLog.Configuration(path: path)
        file.observe = failures.observe
        file.retention.age = configuration.retention
        file.retention.idleGroup = configuration.groupRetention
        file.retention.topics[SQLiteQueue.poisonTopic.name] = .init(
            age: configuration.retention, size: configuration.poisonRetention, keepsUnread: true)
        file.retention.topics[SQLiteQueue.factsTopic.name] = .init(age: configuration.factRetention)
        file.retention.observer.droppedUnread = { [dropped] _, count in dropped.increment(by: count) }
        file.retention.observer.clock = { [doubted] doubt in doubted.set(doubt == nil ? 0 : 1) }
        let log = try SQLiteLog.open(file, logger: logger)
        state.withLock { $0.log = log }
        return log
    }

    /// - Parameters:
    ///   - routes: the names of the routes that read the events.
    ///   - keepsEvents: whether the events are on the log, and not on Kafka.
    func watch(routes: [String], keepsEvents: Bool) {
        state.withLock { state in
            state.routes = Set(routes)
            state.keepsEvents = keepsEvents
        }
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await self.look()
                try? await Task.sleep(for: Self.interval)
            }
        }
    }

    /// Looks at the groups; what cannot be read now is shown as it was.
    func look() async {
        let (log, routes, keepsEvents) = state.withLock { ($0.log, $0.routes, $0.keepsEvents) }
        guard let log, let groups = try? await log.groups() else { return }
        let sinks = routes.union(Registry.readers)
        let moved = sinks.union(sinks.map(ReaderPart.pushesGroup))
        let idle = groups.filter { group in
            if group.reader != nil { return false }
            if group.name == LogTransfer.name { return false }
            // What the gateway's readers left here is moved to Kafka, or was: the queue tells.
            if !keepsEvents, group.topic == SQLiteQueue.eventsTopic, moved.contains(group.name) { return false }
            // Without events here, what has been read to its end is only a memory.
            if !keepsEvents, group.backlog.messages == 0 { return false }
            if group.topic == SQLiteQueue.poisonTopic, group.name == Self.poisonGroup { return false }
            if group.topic == SQLiteQueue.factsTopic,
                group.name == FactsRoute.name || group.name == LogTransfer.movedFacts || routes.contains(group.name)
            {
                return false
            }
            return !(keepsEvents && group.topic == SQLiteQueue.eventsTopic && routes.contains(group.name))
        }
        idleGroups.set(Double(idle.count))
        idleMessages.set(Double(idle.reduce(0) { $0 &+ $1.backlog.messages }))
        let new = state.withLock { state in
            state.idle = idle
            state.names = groups.map(\.name)
            let names = Set(idle.map(\.title))
            defer { state.known = names }
            return idle.filter { !state.known.contains($0.title) }
        }
        for group in new.prefix(Self.named) {
            logger.warning("a group is read by no route and no process", metadata: ["reason": "\(words(group))"])
        }
    }

    func report(to readiness: inout Readiness) {
        let (log, idle) = state.withLock { ($0.log, $0.idle) }
        if let doubt = log?.clockDoubt { readiness.notes.append("retention: \(doubt)") }
        for group in idle.prefix(Self.named) { readiness.notes.append(words(group)) }
        if idle.count > Self.named {
            readiness.notes.append("and \(idle.count - Self.named) other groups: see `sluice groups list`")
        }
    }

    private func words(_ group: SQLiteGroup) -> String {
        var text = "group \(group.name) of topic \(group.topic): no route and no process reads it; "
        text += "\(group.backlog.messages) messages wait"
        if let oldest = group.backlog.oldestPending { text += ", the oldest since \(RFC3339.format(oldest))" }
        if let lastRead = group.lastRead {
            let end = lastRead.millisecondsSince1970.addingReportingOverflow(
                Int64(clamping: groupRetention.wholeNanoseconds / 1_000_000))
            if !end.overflow {
                let time = Timestamp(millisecondsSince1970: end.partialValue)
                text += "; kept from \(retentionName) until \(RFC3339.format(time))"
            }
        }
        if UnreadGroup.isSinks(group.name), group.backlog.messages > 0 {
            text += "; \(UnreadGroup.remedy(group.name, among: state.withLock(\.names)))"
        }
        return text + "; `sluice groups seek` moves it, `sluice groups remove` forgets it"
    }
}

extension SQLiteGroup {
    /// Tells it from others.
    fileprivate var title: String { "\(topic.name)\u{0}\(name)" }
}

extension Metric {
    static let idleGroups = gauge(
        "sluice_idle_groups",
        help:
            "Groups of the embedded log that no route and no process reads: what they have not settled is kept for a time."
    )
    static let idleGroupMessages = gauge(
        "sluice_idle_group_messages",
        help: "Messages that groups which no route and no process reads have not settled.")
    static let poisonDropped = counter(
        "sluice_poison_dropped_total",
        labels: [.topic],
        help: "Messages of the embedded log's poison topic that were dropped unread, because it was too large.")
    static let clockDoubted = gauge(
        "sluice_clock_doubted",
        help: "1 while the system clock is not believed and nothing is deleted by age, else 0.")
}
