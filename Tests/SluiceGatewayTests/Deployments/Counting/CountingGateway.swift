import GatewayTestSupport
import Logging
import Sluice
import SluiceMetrics
import SluicePrometheus
import SluiceTesting
import Synchronization

@testable import SluiceGateway

/// What counts verdicts in one of several gateways, with a file of its own.
final class CountingGateway: Sendable {
    static let now = FactFixtures.time(100)

    let ledger: DeploymentLedger
    let store: FactStore
    private let directory: TemporaryDirectory
    private let backend = PrometheusBackend()
    private let queue: SharedFactsQueue
    private let shared: SharedVerdicts
    private let counter: VerdictCounter
    private let leading = Leading()
    /// How many messages of the shared topic it has read.
    private let position = Mutex(0)

    private final class Leading: Sendable {
        let value = Mutex(false)
    }

    /// Everything that it reads of facts is in `facts` to begin with.
    init(_ queue: SharedFactsQueue, leads: Bool = false, knowing facts: [Fact] = []) async throws {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        leading.value.withLock { $0 = leads }
        directory = try TemporaryDirectory()
        let path = directory.path + "/deployments.sqlite"
        ledger = try DeploymentLedger(path: path, logger: logger)
        store = FactStore(path: path)
        self.queue = queue
        let meter = DeploymentMeter(backend.instruments)
        shared = SharedVerdicts(queue, meter)
        counter = VerdictCounter(
            ledger: ledger, store: store, meter: meter, pace: VerdictPace(), shared: shared,
            leads: { [leading] in leading.value.withLock(\.self) }, logger: logger)
        try await take(facts)
        try await ledger.complete(after: 0)
        try await ledger.completeFacts()
        try await read()
    }

    /// It owns the first partition from now on, or not any more.
    func lead(_ leads: Bool = true) { leading.value.withLock { $0 = leads } }

    func take(_ facts: [Fact]) async throws {
        try await ledger.learn(facts.compactMap { FactFixtures.received($0, at: 99) })
    }

    /// Reads what is new on the shared topic.
    func read() async throws {
        let messages = queue.messages
        let fresh = position.withLock { position in
            defer { position = messages.count }
            return messages[position...]
        }
        let told = fresh.compactMap { CountedVerdicts($0) }
        if !told.isEmpty { try await shared.take(told, ledger) }
    }

    /// - Parameter clock: in seconds.
    func look(at clock: Int64) async throws { try await counter.look(at: clock, Self.now) }

    /// How many deployments it has counted of a kind.
    func counted(_ kind: String) -> Double { sum("sluice_deployments_judged_total", ["kind": kind]) }

    /// Over all services and environments.
    func sum(_ name: String, _ labels: [String: String] = [:]) -> Double {
        Exposition(backend.registry.exposition(.text), format: .text).samples
            .filter { sample in sample.name == name && labels.allSatisfy { sample[$0.key] == $0.value } }
            .reduce(0) { $0 + $1.value }
    }
}
