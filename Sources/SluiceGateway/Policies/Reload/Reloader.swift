import Logging
import ServiceLifecycle
import Sluice
import Synchronization

/// Puts another configuration in force while the gateway runs: as a whole, or not at all.
final class Reloader: Service {
    /// Who asks for it.
    enum Cause: String, Sendable {
        /// A person, by SIGHUP or a command: what cannot be meant by accident is taken.
        case request
        /// The file has changed.
        case file
        /// It was refused for what may have passed.
        case fileAgain
    }

    private struct State {
        var values: [EffectiveValue]
        /// What was read last, also where it was refused; nil where it is no file.
        var origin: ConfigurationFile.Origin?
        var needsRestart: [ConfigurationChange] = []
        /// Why the last one was refused.
        var refusal: String?
        /// When what is in force came into force.
        var loaded = Timestamp.now()
    }

    /// Reads a configuration: a file, or what the gateway was made with.
    typealias Reading = @Sendable (_ path: String?) throws -> GatewayConfiguration

    private let read: Reading
    private let sinks: RunningSinks
    private let waiting: @Sendable (_ group: String) async -> Int64?
    private let left: @Sendable (_ besides: Set<String>) async -> [UnreadGroup]
    private let meter: ReloadMeter
    private let logger: Logger
    private let state: Mutex<State>
    private let requests = Mutex(Requests())
    private let wakes = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    private struct Requests {
        var waiting: [ReloadRequest] = []
        var hasEnded = false
    }

    /// - Parameters:
    ///   - running: what the gateway was made with.
    ///   - read: reads a configuration, with what a program has added to it.
    ///   - waiting: how many messages wait for a group; nil where that is not known.
    ///   - left: the groups for which messages wait, without these.
    init(
        _ running: GatewayConfiguration, read: @escaping Reading,
        sinks: RunningSinks, waiting: @escaping @Sendable (_ group: String) async -> Int64?,
        left: @escaping @Sendable (_ besides: Set<String>) async -> [UnreadGroup], _ instruments: Instruments,
        logger: Logger
    ) {
        self.read = read
        self.sinks = sinks
        self.waiting = waiting
        self.left = left
        self.logger = logger
        let values = EffectiveConfiguration(running).values
        state = Mutex(State(values: values, origin: running.written.origin))
        meter = ReloadMeter(instruments)
        meter.show(values)
        meter.reloaded()
    }

    /// What is in force, value by value.
    var values: [EffectiveValue] { state.withLock(\.values) }

    /// What was read last, also where it was refused; nil where it is no file.
    var origin: ConfigurationFile.Origin? { state.withLock(\.origin) }

    /// What the status says of the configuration.
    var snapshot: Snapshot.Configuration {
        state.withLock { state in
            Snapshot.Configuration(
                file: state.origin?.path, loaded: state.loaded, refusal: state.refusal,
                needsRestart: state.needsRestart.isEmpty ? nil : state.needsRestart.words())
        }
    }

    func report(to readiness: inout Readiness) {
        let (refusal, needsRestart) = state.withLock { ($0.refusal, $0.needsRestart) }
        if let refusal { readiness.notes.append("configuration: the last reload was refused: \(refusal)") }
        if !needsRestart.isEmpty {
            readiness.notes.append("configuration: a restart is needed for \(needsRestart.words())")
        }
    }

    /// What would change if a file were put in force, and which groups nothing would read then.
    func plan(reading path: String) async throws -> (plan: ReloadPlan, unread: [UnreadGroup]) {
        let configuration = try read(path)
        try configuration.validate()
        let dropped = await unread(by: configuration)
        let known = Set(configuration.deliveredTo.map(\.group)).union(dropped.map(\.name))
        return (plan(configuration), dropped + (await left(known)))
    }

    /// The groups of running sinks that no sink of the configuration reads, and for which messages wait.
    private func unread(by configuration: GatewayConfiguration) async -> [UnreadGroup] {
        let groups = Set(configuration.deliveredTo.map(\.group))
        var unread: [UnreadGroup] = []
        for running in sinks.all where !groups.contains(running.sink.group) {
            var count: Int64 = 0
            for group in running.sink.groups { count = max(count, await waiting(group) ?? 0) }
            guard count > 0 else { continue }
            unread.append(UnreadGroup(name: running.sink.group, waiting: count))
        }
        return unread
    }

    /// What would change if this configuration were put in force.
    func plan(_ configuration: GatewayConfiguration) -> ReloadPlan {
        ReloadPlan(from: values, to: configuration)
    }

    /// Works off what is asked for, one after the other.
    func run() async throws {
        await withDiscardingTaskGroup { group in
            for await _ in wakes.stream.cancelOnGracefulShutdown() {
                for request in take() {
                    let result = await perform(request.cause)
                    request.end(result)
                    guard case .success(let plan) = result, !plan.changes.isEmpty else { continue }
                    // Beside the next one: a sink that does not answer keeps no number from coming into force.
                    group.addTask { await self.announce(plan) }
                }
            }
            group.cancelAll()
        }
        requests.withLock { $0.hasEnded = true }
        for request in take() { request.end(.failure(ClosedError("gateway"))) }
    }

    /// Reads the configuration and puts it in force.
    /// - Returns: what has changed.
    /// - Throws: why it was refused, and everything goes on as before; `ClosedError` once the gateway has ended.
    @discardableResult
    func reload(by cause: Cause) async throws -> ReloadPlan {
        let request = ReloadRequest(cause)
        let isTaken = requests.withLock { requests in
            if !requests.hasEnded { requests.waiting.append(request) }
            return !requests.hasEnded
        }
        guard isTaken else { throw ClosedError("gateway") }
        wakes.continuation.yield()
        return try await request.outcome()
    }

    private func announce(_ plan: ReloadPlan) async {
        await sinks.announce(
            Announcement(
                time: .now(), tag: "sluice-reload", text: "Configuration reloaded: \(plan.changes.words(atMost: 20))"))
    }

    private func take() -> [ReloadRequest] {
        requests.withLock { requests in
            defer { requests.waiting = [] }
            return requests.waiting
        }
    }

    private func perform(_ cause: Cause) async -> Result<ReloadPlan, any Error> {
        // What is written from now on counts as a change.
        var origin = origin.map { origin in
            ConfigurationFile.Origin(
                path: origin.path, files: origin.files, signature: FileSignature(origin.files))
        }
        defer { state.withLock { [origin] in $0.origin = origin } }
        do {
            let configuration = try read(nil)
            origin = configuration.written.origin
            try configuration.validate()
            let plan = plan(configuration)
            if cause != .request { try await refuseAccidents(configuration, plan) }
            try await apply(configuration, plan)
            return .success(plan)
        } catch {
            origin = (error as? FileFaults)?.origin ?? origin
            // What has been told once is not told each second.
            if cause != .fileAgain || !(error is ReloadRefusal) { refused(error) }
            return .failure(error)
        }
    }

    /// What a file that is half written, or copied to the wrong place, would do, and a person hardly means.
    private func refuseAccidents(_ configuration: GatewayConfiguration, _ plan: ReloadPlan) async throws {
        guard !plan.changesQueue else {
            throw ReloadRefusal(
                "it changes the queue; SIGHUP takes it, and a restart puts it in force", mayPass: false)
        }
        if let group = await unread(by: configuration).first {
            throw ReloadRefusal("\(group.note); SIGHUP takes it all the same", mayPass: true)
        }
    }

    private func apply(_ configuration: GatewayConfiguration, _ plan: ReloadPlan) async throws {
        try await sinks.apply(configuration)
        state.withLock { state in
            state.values = plan.values
            state.needsRestart = plan.needsRestart
            state.refusal = nil
            state.loaded = .now()
        }
        meter.show(plan.values)
        meter.reloaded()
        for warning in configuration.warnings { logger.warning("\(warning)") }
        guard !plan.changes.isEmpty else { return logger.info("the configuration is as it was") }
        logger.notice(
            "the configuration was reloaded",
            metadata: ["changes": "\(plan.changes.count)", "what": "\(plan.changes.words())"])
        if !plan.needsRestart.isEmpty {
            logger.warning("a restart is needed", metadata: ["for": "\(plan.needsRestart.words())"])
        }
    }

    private func refused(_ error: any Error) {
        let text = "\(error)".split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
        state.withLock { $0.refusal = text }
        meter.refused()
        logger.error("the configuration was not reloaded; the old one stays in force", metadata: ["error": "\(error)"])
    }
}

/// Why a configuration that has no fault is not put in force.
struct ReloadRefusal: Error, CustomStringConvertible {
    let description: String
    /// Whether the same file may be taken later.
    let mayPass: Bool

    init(_ description: String, mayPass: Bool) {
        self.description = description
        self.mayPass = mayPass
    }
}

/// One reload that was asked for.
private final class ReloadRequest: Sendable {
    let cause: Reloader.Cause
    private let result = Mutex<Result<ReloadPlan, any Error>?>(nil)
    private let done = Completion()

    init(_ cause: Reloader.Cause) {
        self.cause = cause
    }

    func end(_ result: Result<ReloadPlan, any Error>) {
        self.result.withLock { $0 = result }
        done.occur()
    }

    func outcome() async throws -> ReloadPlan {
        await done.wait()
        guard let result = result.withLock(\.self) else { throw ClosedError("gateway") }
        return try result.get()
    }
}
