import CRDKafka
import Sluice
import Synchronization

/// The client with which a thread asks questions, and another one after a question to a group's coordinator that was
/// given up.
///
/// librdkafka 2.0.2 ends the process when such a question has timed out and the coordinator comes up afterwards: it then
/// uses what it freed at the time-out (`rd_kafka_admin_coord_request` in `rdkafka_admin.c`, which reads the same in
/// 2.15). No such question may time out, therefore: the caller gives it up, and it goes with its client.
final class AdminClient: Sendable {
    /// For how long librdkafka is told to try a question to a coordinator, in milliseconds: the most that it takes.
    static let longestRequest: Int32 = 3_600_000

    /// How long a client may take to end. One whose question to a coordinator was given up may wait for that for ever.
    private static let endingTime = Duration.seconds(10)

    private struct State {
        var client: NativeClient
        var isSpoiled = false
    }

    private let make: @Sendable () throws(KafkaError) -> NativeClient
    private let state: Mutex<State>

    init(make: @escaping @Sendable () throws(KafkaError) -> NativeClient) throws(KafkaError) {
        self.make = make
        state = Mutex(State(client: try make()))
    }

    /// For its thread, until it renews it.
    var current: NativeClient { state.withLock(\.client) }

    /// Ends the poll of the thread, or its next one. From any thread.
    func wake() {
        // Under the lock: the client cannot have ended yet.
        state.withLock { $0.client.wake() }
    }

    /// A question was given up: the client has to go, soon.
    func spoil() {
        state.withLock { $0.isSpoiled = true }
    }

    /// Replaces a spoiled client. For its thread.
    /// - Returns: whether it did; a wake-up may have reached the client that has gone.
    func renew() -> Bool {
        guard state.withLock(\.isSpoiled) else { return false }
        // Without a new one the old one has to do: there is most of an hour left.
        guard let fresh = try? make() else { return false }
        let old = state.withLock { state in
            defer { state = State(client: fresh) }
            return state.client
        }
        old.destroy(leaving: false, because: "the client is replaced", within: Self.endingTime)
        return true
    }

    /// Blocks until the native client has ended, or has taken too long. For its thread, when it is not woken any more.
    func end() {
        current.destroy(within: Self.endingTime)
    }
}
