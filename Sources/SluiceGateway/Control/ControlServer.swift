import Glibc
import Logging
import ServiceLifecycle
import Sluice
import Synchronization

/// Takes commands through the socket in the data directory and has them carried out.
///
/// Where there can be no socket the gateway runs all the same, and says so.
final class ControlServer: Service {
    /// Carries a request out.
    typealias Handler = @Sendable (ControlRequest) async throws -> ControlAnswer

    private let directory: String
    private let limits: ControlConnection.Limits
    private let patience: Duration
    private let owner: uid_t
    private let logger: Logger
    private let handler: Handler
    private let state = Mutex(State())

    private struct State {
        var obstacle: String?
        var path: String?
        /// What ends the command of a client that has gone.
        var cancellations: [UInt64: AsyncStream<Never>.Continuation] = [:]
    }

    /// - Parameters:
    ///   - patience: how long a command may take.
    ///   - owner: the user who may command the gateway beside root.
    init(
        in directory: String, limits: ControlConnection.Limits = .init(), patience: Duration = .seconds(90),
        owner: uid_t = geteuid(), logger: Logger, handler: @escaping Handler
    ) {
        self.directory = directory
        self.limits = limits
        self.patience = patience
        self.owner = owner
        self.logger = logger
        self.handler = handler
    }

    /// Where it listens; nil while it does not.
    var path: String? { state.withLock(\.path) }

    func report(to readiness: inout Readiness) {
        if let obstacle = state.withLock(\.obstacle) {
            readiness.notes.append("control: commands cannot reach this process: \(obstacle)")
        }
    }

    func run() async throws {
        let (events, feed) = AsyncStream<ControlLoop.Event>.makeStream()
        let serving: (thread: WorkerThread, inbox: Inbox<ControlLoop.Answer>)
        do {
            serving = try listen { feed.yield($0) }
        } catch {
            state.withLock { $0.obstacle = "\(error)" }
            logger.warning("commands cannot reach this process", metadata: ["reason": "\(error)"])
            return try await gracefulShutdown()
        }
        let inbox = serving.inbox
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                for await event in events {
                    switch event {
                    case .gone(let client): self.cancel(client)
                    case .request(let client, let user, let line):
                        let cancelled = self.cancellation(of: client)
                        group.addTask {
                            let lines = await self.answer(line, of: user, until: cancelled)
                            self.cancel(client)
                            _ = inbox.post(ControlLoop.Answer(client: client, lines: lines))
                        }
                    }
                }
                group.cancelAll()
            }
        }
        inbox.close(by: .now())
        await serving.thread.end()
        state.withLock { $0.path = nil }
    }

    private func listen(
        tell: @escaping @Sendable (ControlLoop.Event) -> Void
    ) throws -> (thread: WorkerThread, inbox: Inbox<ControlLoop.Answer>) {
        let signal = try PollSignal()
        let inbox = Inbox<ControlLoop.Answer> { signal.raise() }
        let socket = try ControlSocket(in: directory)
        do {
            let thread = try WorkerThread(name: "sluice-control") { [limits, owner, logger] in
                ControlLoop(socket, inbox, signal, limits: limits, owner: owner, logger: logger, tell: tell).run()
            }
            state.withLock { $0.path = socket.path }
            return (thread, inbox)
        } catch {
            socket.close()
            throw error
        }
    }

    // MARK: Commands

    private func cancellation(of client: UInt64) -> AsyncStream<Never> {
        let (stream, continuation) = AsyncStream<Never>.makeStream()
        state.withLock { $0.cancellations[client] = continuation }
        return stream
    }

    private func cancel(_ client: UInt64) {
        state.withLock { $0.cancellations.removeValue(forKey: client) }?.finish()
    }

    private func answer(_ line: [UInt8], of user: uid_t?, until cancelled: AsyncStream<Never>) async -> [UInt8] {
        let failure: ControlFailure
        do {
            return try await withThrowingTaskGroup(of: ControlAnswer.self) { group in
                group.addTask {
                    var request = try ControlRequest(line: line)
                    request.user = user
                    return try await self.handler(request)
                }
                group.addTask {
                    for await _ in cancelled {}
                    throw CancellationError()
                }
                group.addTask { [patience] in
                    try await Task.sleep(for: patience)
                    throw ControlFailure(.timeout, "the command took longer than \(patience)")
                }
                defer { group.cancelAll() }
                return try await group.next()?.lines ?? []
            }
        } catch let error as ControlFailure {
            failure = error
        } catch is CancellationError {
            failure = ControlFailure(.failed, "the gateway stops")
        } catch {
            failure = ControlFailure(.failed, "\(error)")
        }
        return ControlAnswer.lines(for: failure)
    }
}
