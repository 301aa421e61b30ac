import Logging
import ServiceLifecycle
import Sluice
import SluiceKafka
import Synchronization

/// Moves groups of Kafka's that gateways read.
///
/// Kafka takes a position from outside only for a group without members. So the move is told through the control topic, as
/// a pause is; the route of every gateway finishes what it has in hand, commits, and leaves the group; the position is
/// committed once no member is left in it; and all go on when they are told that it is over. A member that does not leave makes
/// Kafka refuse the position: then nothing has moved.
final class GroupMoves: Service {
    /// Keeps a move where every gateway of the group learns of it.
    typealias Store = @Sendable (GroupMove) async throws -> Void
    /// Commits the new position. It is called again while the group has members.
    typealias Action = @Sendable () async throws -> Void

    /// What routes have in hand takes up to 20 s, their last commits 8 s, and a gateway that was killed counts for 10 s.
    private static let patience: Duration = .seconds(45)
    private static let retryDelay: Duration = .milliseconds(250)
    /// How long the other records of the control topic may keep the news of the end from coming back.
    private static let endPatience: Duration = .seconds(10)

    private struct Job {
        let route: String
        let action: Action
        let report: AsyncStream<Result<Void, any Error>>.Continuation
    }

    private enum Work {
        case obey(GroupMove, for: Duration, AsyncStream<Void>)
        case perform(Job)
    }

    /// What a route waits for.
    private struct Waiting {
        let id: String
        let end: AsyncStream<Void>.Continuation
    }

    private let router: Router
    private let store: Store
    private let logger: Logger
    private let work: AsyncStream<Work>
    private let feed: AsyncStream<Work>.Continuation
    private let state = Mutex<[String: Waiting]>([:])

    init(_ router: Router, keptBy store: @escaping Store, logger: Logger) {
        self.router = router
        self.store = store
        self.logger = logger
        (work, feed) = AsyncStream.makeStream()
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                for await work in self.work {
                    switch work {
                    case .obey(let move, let limit, let ended):
                        group.addTask { await self.obey(move, for: limit, until: ended) }
                    case .perform(let job):
                        group.addTask { await self.perform(job) }
                    }
                }
                group.cancelAll()
            }
        }
        feed.finish()
    }

    // MARK: Obeying

    /// This is the newest that is known of each route.
    func note(_ moves: [GroupMove]) {
        let now = Timestamp.now()
        for move in moves {
            let remaining = move.remaining(at: now)
            let (begun, ended) = state.withLock { waiting -> (AsyncStream<Void>?, Waiting?) in
                let former = waiting[move.route]
                guard remaining != nil else {
                    guard move.isOver, former?.id == move.id else { return (nil, nil) }
                    waiting[move.route] = nil
                    return (nil, former)
                }
                guard former?.id != move.id else { return (nil, nil) }
                let (stream, end) = AsyncStream<Void>.makeStream()
                waiting[move.route] = Waiting(id: move.id, end: end)
                return (stream, former)
            }
            ended?.end.finish()
            if let begun, let remaining { feed.yield(.obey(move, for: remaining, begun)) }
        }
    }

    /// Keeps the route out of the group until the move is over.
    private func obey(_ move: GroupMove, for limit: Duration, until ended: AsyncStream<Void>) async {
        let metadata: Logger.Metadata = ["route": "\(move.route)", "move": "\(move.id)"]
        do {
            try await withDeadline(limit) { [router, logger] in
                try await router.interrupt(move.route) {
                    logger.notice("the route has left its group, which is moved", metadata: metadata)
                    await Self.wait(for: ended)
                }
            }
        } catch is DeadlineError {
            logger.warning("the end of a group's move has not been told; the route goes on", metadata: metadata)
        } catch {
            // No such route here, or it ends.
            logger.debug("a group's move is not obeyed", metadata: metadata.merging(["error": "\(error)"]) { $1 })
        }
        state.withLock { if $0[move.route]?.id == move.id { $0[move.route] = nil } }
    }

    private static func wait(for end: AsyncStream<Void>) async {
        for await _ in end {}
    }

    // MARK: Moving

    /// Has every gateway's route leave its group, does it, and lets them go on.
    ///
    /// It is carried through also when its caller's task is cancelled, so that no route waits for an end that is never told.
    /// - Throws: ``ControlFailure`` when nothing was moved, or the end could not be told.
    func move(_ route: String, _ action: @escaping Action) async throws {
        let (outcomes, report) = AsyncStream<Result<Void, any Error>>.makeStream()
        if case .terminated = feed.yield(.perform(Job(route: route, action: action, report: report))) {
            report.finish()
        }
        var iterator = outcomes.makeAsyncIterator()
        guard let outcome = await iterator.next() else { throw ControlFailure(.failed, "the gateway stops") }
        return try outcome.get()
    }

    private func perform(_ job: Job) async {
        do {
            try await perform(job.route, job.action)
            job.report.yield(.success(()))
        } catch {
            job.report.yield(.failure(error))
        }
        job.report.finish()
    }

    private func perform(_ route: String, _ action: @escaping Action) async throws {
        guard state.withLock({ $0[route] }) == nil else {
            throw ControlFailure(.failed, "the group of \(route) is being moved already")
        }
        var move = GroupMove(of: route, until: Timestamp.now().advanced(by: GroupMove.longest))
        try await store(move)
        let refusal = Refusal()
        let outcome: Result<Void, any Error>
        do {
            try await withDeadline(Self.patience) { try await Self.repeating(action, refusal) }
            outcome = .success(())
        } catch is DeadlineError {
            outcome = .failure(
                ControlFailure(
                    .failed,
                    "the group of \(route) was not moved within \(Self.patience): "
                        + (refusal.text ?? "the brokers do not answer")))
        } catch {
            outcome = .failure(error)
        }
        move.isOver = true
        do {
            try await store(move)
        } catch {
            logger.warning(
                "the end of a group's move cannot be told; its routes wait until \(RFC3339.format(move.until))",
                metadata: ["route": "\(route)", "error": "\(error)"])
        }
        try outcome.get()
        try? await waitForEnd(of: move)
    }

    private static func refusal(of action: Action) async -> (any Error)? {
        do {
            try await action()
            return nil
        } catch {
            return error
        }
    }

    /// Until the group has no members.
    /// - Parameter note: is told why it was not done so far.
    private static func repeating(_ action: Action, _ note: Refusal) async throws {
        while let refused = await refusal(of: action) {
            guard let error = refused as? KafkaError else { throw refused }
            if error.saysThatTheGroupHasMembers {
                note.note("it is read still, as by another program or a gateway that does not obey")
            } else {
                guard error.disposition == .retry() else { throw error }
                note.note("\(error)")
            }
            try await Task.sleep(for: retryDelay)
        }
    }

    private func isWaiting(for move: GroupMove) -> Bool { state.withLock { $0[move.route]?.id == move.id } }

    /// The news has come back to this gateway: its own route goes on too.
    private func waitForEnd(of move: GroupMove) async throws {
        try await withDeadline(Self.endPatience) { [self] in
            while isWaiting(for: move) { try await Task.sleep(for: .milliseconds(20)) }
        }
    }
}

/// Why a group could not be moved so far.
private final class Refusal: Sendable {
    private let state = Mutex<String?>(nil)

    var text: String? { state.withLock(\.self) }
    func note(_ text: String) { state.withLock { $0 = text } }
}
