import Sluice
import SluiceSQLite
import Synchronization

/// A topic of the embedded log, looked at from outside: nothing is written, and retention is not held back.
final class LoggedMessages: MessageSource {
    let topic: Topic
    private let log: SQLiteLogView
    private let state: Mutex<State>

    private struct State {
        /// The last offset that was read.
        var offset: Int64
        let time: Timestamp?
    }

    /// - Parameters:
    ///   - offset: begins behind it.
    ///   - time: begins with the first message that is not older.
    init(_ log: SQLiteLogView, _ topic: Topic, after offset: Int64, from time: Timestamp?) {
        self.log = log
        self.topic = topic
        state = Mutex(State(offset: offset, time: time))
    }

    func next(_ limit: Int) async throws -> [ConsumedMessage]? {
        while !Task.isCancelled {
            let (offset, time) = state.withLock { ($0.offset, $0.time) }
            let batch = try log.messages(in: topic, from: time, after: offset, limit: limit)
            if let last = batch.last?.offset {
                state.withLock { $0.offset = last }
                return batch.map { logged in
                    ConsumedMessage(
                        logged.message,
                        Delivery.Origin(
                            partition: 0, offset: logged.offset, timestamp: logged.timestamp, key: logged.key))
                }
            }
            // Another process writes: how soon its commits are seen is how often one looks.
            try? await Task.sleep(for: .milliseconds(250))
        }
        return nil
    }

    func close() async {}
}
