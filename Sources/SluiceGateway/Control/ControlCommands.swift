import Logging
import ServiceLifecycle
import Sluice
import SluiceSQLite

/// Carries out what comes through the control socket.
struct ControlCommands: Service {
    /// How long what is under way may take until a pause is answered all the same.
    private static let quietPatience: Duration = .seconds(20)

    let steering: Steering
    let router: Router
    let queue: any EventQueue
    let log: SQLiteLog
    let reloader: Reloader
    let tap: TapBoard
    /// Nil where Kafka is not the queue.
    let kafka: KafkaGroups?
    let teller: StoryTeller
    let redrive: RedriveRequests
    let logger: Logger

    /// What of the commands goes on beside them.
    func run() async throws {
        if let kafka { try await kafka.moves.run() } else { try await gracefulShutdown() }
    }

    func perform(_ request: ControlRequest) async throws -> ControlAnswer {
        switch request.command {
        case .listGroups: try await listGroups()
        case .seekGroup: try await seek(request.arguments)
        case .removeGroup: try await remove(request.arguments)
        case .pauseSink: try await pause(request.arguments)
        case .resumeSink: try await resume(request.arguments)
        case .diff: try await diff(request.arguments)
        case .tap: try TapRequest(request.arguments).answer(tap)
        case .why: try await why(request.arguments)
        case .listPoison: try await listPoison(request.arguments)
        case .readPoison: try await readPoison(request.arguments)
        case .retryPoison: try await redrive.retry(request.arguments, by: request.by)
        case .dropPoison: try await redrive.drop(request.arguments, by: request.by)
        case .notePoison: try await redrive.note(request.arguments, by: request.by)
        case .replay: try await redrive.replay(request.arguments, by: request.by)
        case .listJobs: try await redrive.list()
        case .pauseJob: try await redrive.change(.pause, request.arguments, by: request.by)
        case .resumeJob: try await redrive.change(.resume, request.arguments, by: request.by)
        case .cancelJob: try await redrive.change(.cancel, request.arguments, by: request.by)
        }
    }

    /// Kafka's poison queue. The embedded log's is read from its file, by the command itself.
    private func listPoison(_ arguments: [String: String]) async throws -> ControlAnswer {
        guard let queue = queue as? KafkaQueue else { return ControlAnswer(leads: false) }
        let filter = try PoisonFilter(arguments: arguments)
        let groups = try await queue.redrive.groups(filter)
        return ControlAnswer(
            items: groups.map { JSONWriter.object($0.write) }, text: PoisonText.list(groups, filter))
    }

    /// The messages of Kafka's poison queue, a part of them at a time.
    private func readPoison(_ arguments: [String: String]) async throws -> ControlAnswer {
        guard let queue = queue as? KafkaQueue else { return ControlAnswer(leads: false) }
        let page = try await queue.redrive.page(
            try PoisonFilter(arguments: arguments), from: arguments["from"].flatMap(RedrivePlace.init))
        return ControlAnswer(items: page.lines, text: page.next.map(\.description))
    }

    // MARK: Messages

    private func why(_ arguments: [String: String]) async throws -> ControlAnswer {
        let id = try Self.argument("id", arguments)
        do {
            let stories = try await teller.stories(of: id)
            return ControlAnswer(items: [stories.json], text: stories.text)
        } catch {
            throw ControlFailure(.invalid, "\(error)")
        }
    }

    // MARK: Configuration

    /// The gateway reads the file itself: what `${…}` stands for is known here.
    private func diff(_ arguments: [String: String]) async throws -> ControlAnswer {
        let path = try Self.argument("file", arguments)
        let (plan, unread): (ReloadPlan, [UnreadGroup])
        do {
            (plan, unread) = try await reloader.plan(reading: path)
        } catch {
            throw ControlFailure(.faultyFile, "\(error)")
        }
        return ControlAnswer(
            items: plan.changes.map(\.json),
            text: unread.isEmpty ? nil : unread.map(\.note).joined(separator: "\n"))
    }

    // MARK: Sinks

    private func pause(_ arguments: [String: String]) async throws -> ControlAnswer {
        let sink = try steering.sink(named: try Self.argument("sink", arguments))
        let reason = arguments["reason"].map { $0.filter { !$0.isNewline } }.flatMap { $0.isEmpty ? nil : $0 }
        var underway = ""
        var (pause, isNew): (SinkPause?, Bool) = (nil, true)
        do {
            (pause, isNew) = try await withDeadline(Self.quietPatience) {
                try await steering.pause(sink, reason: reason)
            }
        } catch is DeadlineError {
            guard sink.routes.allSatisfy(router.isPaused) else {
                throw ControlFailure(.failed, "\(sink.name) is not paused: what was kept has not been obeyed in time")
            }
            underway = "; an attempt that began before is still under way"
        }
        let state =
            isNew ? "is paused" : "was paused already\(pause.map { ", since \(RFC3339.format($0.since))" } ?? "")"
        return ControlAnswer(
            text: "\(sink.name) \(state)\(underway): \(await waiting(sink)), and nothing is lost; "
                + "`sluice resume \(sink.name)` lets it go on", leads: leads(sink))
    }

    private func resume(_ arguments: [String: String]) async throws -> ControlAnswer {
        let sink = try steering.sink(named: try Self.argument("sink", arguments))
        let wasPaused: Bool
        do {
            wasPaused = try await withDeadline(Self.quietPatience) { try await steering.resume(sink) }
        } catch is DeadlineError {
            throw ControlFailure(.failed, "\(sink.name) still waits: what was kept has not been obeyed in time")
        }
        return ControlAnswer(
            text: wasPaused ? "\(sink.name) goes on: \(await waiting(sink))" : "\(sink.name) was not paused",
            leads: leads(sink))
    }

    private func waiting(_ sink: Steering.Sink) async -> String {
        var waiting: Int64 = 0
        for route in sink.routes {
            guard let backlog = try? await queue.backlog(of: route) else { return "messages may wait" }
            // Each of its groups reads everything, and passes over what is another's.
            waiting = max(waiting, backlog.total)
        }
        return "\(waiting) messages wait"
    }

    private func leads(_ sink: Steering.Sink) -> Bool {
        queue.isShared || sink.routes.allSatisfy { log.leads($0, of: queue.topic(of: $0)) }
    }

    // MARK: Groups

    private func listGroups() async throws -> ControlAnswer {
        var rows = try await log.groups().map { group in
            var row = GroupRow(group)
            if kafka == nil, group.topic == queue.topic(of: group.name) { row.isPaused = router.isPaused(group.name) }
            return row
        }
        // Those of Kafka's are what is asked for; what the log holds besides comes from the time before.
        if let kafka { rows = try await kafka.rows() + rows }
        return ControlAnswer(items: rows.map(\.json))
    }

    private func seek(_ arguments: [String: String]) async throws -> ControlAnswer {
        if let kafka, let text = try await kafka.seek(arguments) { return ControlAnswer(text: text) }
        let position: SQLiteGroupPosition
        do {
            position = try GroupsTool.position(try Self.argument("to", arguments))
        } catch let error as ToolError {
            throw ControlFailure(.invalid, "to: \(error)")
        }
        let (group, topic) = try await find(arguments)
        var texts: [String] = []
        for group in together(group, topic) {
            let settled = try await move(group, topic, to: position)
            let waiting = try await log.backlog(group: group, topic: topic).messages
            texts.append("group \(group) of topic \(topic) goes on behind offset \(settled): \(waiting) messages wait")
        }
        return ControlAnswer(text: texts.joined(separator: "\n"))
    }

    /// A group that is read is as if it had never been: it begins where its reader is configured to begin.
    private func remove(_ arguments: [String: String]) async throws -> ControlAnswer {
        if let kafka, let text = try await kafka.remove(arguments) { return ControlAnswer(text: text) }
        let (group, topic) = try await find(arguments)
        guard isRoute(group, topic) else {
            try await Self.saying { try await log.remove(group: group, topic: topic) }
            logger.notice("a group was removed", metadata: ["group": "\(group)", "topic": "\(topic)"])
            return ControlAnswer(text: "group \(group) of topic \(topic) is removed")
        }
        guard let start = (queue as? SQLiteQueue)?.start(of: group) else {
            throw ControlFailure(.failed, "group \(group) of topic \(topic) is needed by its route")
        }
        var texts: [String] = []
        for group in together(group, topic) {
            let settled = try await move(group, topic, to: start.positionOnLog)
            let waiting = try await log.backlog(group: group, topic: topic).messages
            texts.append(
                "group \(group) of topic \(topic) is removed; its route goes on as a new one, behind offset \(settled): "
                    + "\(waiting) messages wait")
        }
        return ControlAnswer(text: texts.joined(separator: "\n"))
    }

    /// The group, and the others with which a sink reads.
    private func together(_ group: String, _ topic: Topic) -> [String] {
        guard isRoute(group, topic) else { return [group] }
        return steering.groups(with: group).filter { queue.topic(of: $0) == topic }
    }

    private func move(_ group: String, _ topic: Topic, to position: SQLiteGroupPosition) async throws -> Int64 {
        let settled = try await Self.saying {
            guard isRoute(group, topic) else { return try await log.seek(group: group, topic: topic, to: position) }
            guard log.leads(group, of: topic) else {
                throw ControlFailure(.notLeading, "another process reads group \(group) of topic \(topic)")
            }
            return try await log.whileLeading(group, of: topic) {
                try await router.interrupt(group) {
                    let settled = try await log.seek(group: group, topic: topic, to: position)
                    queue.noteMoved(group)
                    return settled
                }
            }
        }
        logger.notice(
            "a group was moved",
            metadata: ["group": "\(group)", "topic": "\(topic)", "settled_through": "\(settled)"])
        return settled
    }

    /// Whether a route of this process reads the group, or would if no other process did.
    private func isRoute(_ group: String, _ topic: Topic) -> Bool {
        topic == queue.topic(of: group) && router.status.contains { $0.name == group } && !queue.isShared
    }

    private func find(_ arguments: [String: String]) async throws -> (group: String, topic: Topic) {
        let group = try Self.argument("group", arguments)
        do {
            return (group, try GroupsTool.topic(of: group, arguments["topic"], among: try await log.groups()))
        } catch let error as ToolError {
            throw ControlFailure(.invalid, "\(error)")
        }
    }

    static func argument(_ name: String, _ arguments: [String: String]) throws(ControlFailure) -> String {
        guard let value = arguments[name], !value.isEmpty else {
            throw ControlFailure(.invalid, "the request lacks `\(name)`")
        }
        return value
    }

    private static func saying<Result>(_ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch let error as SQLiteLogError {
            switch error.code {
            case .groupInUse: throw ControlFailure(.notLeading, "\(error)")
            case .diskFull, .readOnly: throw ControlFailure(.cannotWrite, "\(error)")
            default: throw error
            }
        }
    }
}

extension Router {
    /// Whether a route is paused; false where there is none of this name.
    func isPaused(_ route: String) -> Bool { status.contains { $0.name == route && $0.isPaused } }
}
