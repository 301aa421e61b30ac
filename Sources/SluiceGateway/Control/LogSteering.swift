import Logging
import Sluice
import SluiceSQLite
import Synchronization

/// Keeps in the embedded log which sinks are paused. Every process on the data directory obeys it.
final class LogSteering: SteeringStore {
    private static let prefix = "pause "
    /// How soon a process notices what another has changed.
    private static let interval: Duration = .seconds(1)

    private let log: SQLiteLog
    private let logger: Logger
    private let state = Mutex(State())

    private struct State {
        var tell: (@Sendable ([String: SinkPause]) -> Void)?
        /// Looks are numbered, so that a slow one does not undo what a later one has told.
        var looks: UInt64 = 0
        var told: UInt64 = 0
        var problem: String?
    }

    init(_ log: SQLiteLog, logger: Logger) {
        self.log = log
        self.logger = logger
    }

    var problems: [String] { state.withLock(\.problem).map { [$0] } ?? [] }

    func follow(_ tell: @escaping @Sendable ([String: SinkPause]) -> Void) async {
        state.withLock { $0.tell = tell }
        while !Task.isCancelled {
            do {
                try await look()
            } catch {
                let isNew = state.withLock { state in
                    defer { state.problem = "it cannot be read which sinks are paused: \(error)" }
                    return state.problem == nil
                }
                if isNew { logger.warning("it cannot be read which sinks are paused", metadata: ["error": "\(error)"]) }
            }
            try? await Task.sleep(for: Self.interval)
        }
        state.withLock { $0.tell = nil }
    }

    func set(_ pause: SinkPause?, of sink: String) async throws {
        do {
            try await log.setFact(
                Self.prefix + sink, pause.map { String(decoding: SinkPause.encode($0), as: UTF8.self) })
        } catch {
            throw ControlFailure(.cannotWrite, "it cannot be kept: \(error)")
        }
        try await look()
    }

    private func look() async throws {
        let number = state.withLock { state in
            state.looks += 1
            return state.looks
        }
        let facts = try await log.facts(prefix: Self.prefix)
        var paused: [String: SinkPause] = [:]
        for (name, value) in facts {
            paused[String(name.dropFirst(Self.prefix.count))] = SinkPause.decode(Array(value.utf8))
        }
        // Told under the lock: a later look must not be overtaken by an earlier one.
        state.withLock { state in
            state.problem = nil
            guard number > state.told else { return }
            state.told = number
            state.tell?(paused)
        }
    }
}
