import Sluice
import SluiceSQLite

/// Keeps jobs, what has become of their messages, notes about causes, and who did what; and reads what jobs send again. Each
/// queue has its own.
protocol RedriveStore: Sendable {
    /// Where each act on jobs and on the poison queue is recorded.
    var topic: Topic { get }
    /// Where events are.
    var events: Topic { get }
    /// Whether topics have several partitions.
    var isPartitioned: Bool { get }

    /// Follows what other processes keep, until the task is cancelled.
    func follow() async
    /// Does now and then what need not be done at once.
    func keepUp() async
    /// What keeps jobs from being begun or worked off; nil where all is well.
    var problem: String? { get }
    func close() async

    // MARK: Jobs

    /// All that are kept, oldest first.
    func records() async throws -> [RedriveRecord]
    /// The same, where most jobs are known already: a job does not change, and may be large.
    func records(knowing known: [RedriveJob]) async throws -> [RedriveRecord]

    /// Keeps new jobs, which begin.
    /// - Parameter messages: of a file, put back into the poison queue for them, each with the job's place in `jobs`.
    /// - Returns: them with their ids.
    func add(
        _ jobs: [RedriveJob], returning messages: [(job: Int, message: Message)], by: String
    ) async throws -> [RedriveRecord]

    /// Changes a job as a person asks for.
    /// - Returns: it as it is now; nil where there is none of this id.
    /// - Throws: ``ControlFailure`` for one that has ended.
    func change(_ id: Int64, _ act: RedriveProgress.Act, by: String) async throws -> RedriveRecord?

    // MARK: Working off

    /// By which one process at a time works a lane off.
    func lease(of lane: String) throws -> any RedriveLease

    /// The messages of a job that are left. The process that asks works the job off from now on.
    /// - Throws: ``EventFilterError`` for a filter that a newer version wrote.
    func source(_ record: RedriveRecord) async throws -> any RedriveSource

    /// A message has ended: the job counts it, and what came from the poison queue is settled there.
    /// - Parameters:
    ///   - isThere: whether it was still in the poison queue.
    ///   - keys: by which it is known as handled from now on.
    /// - Throws: also where another process works the lane off by now.
    func conclude(
        _ job: RedriveJob, _ step: RedriveStep, _ verdict: RedriveProgress.Verdict, isThere: Bool,
        handling keys: [RedriveInHand.Key]
    ) async throws -> RedriveProgress

    /// A message has failed again: it is in the poison queue anew, the one before is settled, and the job counts it.
    func poisonAgain(_ message: Message, _ inHand: RedriveInHand) async throws -> RedriveProgress

    /// The job has no messages left.
    func finish(_ job: RedriveJob) async throws -> RedriveProgress

    // MARK: The poison queue

    /// What nothing has settled, oldest first.
    func poisoned() async throws -> [PoisonedMessage]
    /// Lets messages of the poison queue go.
    func drop(_ messages: [PoisonedMessage], _ words: String, by: String) async throws
    /// Keeps a note about a cause; an empty one is forgotten.
    func note(_ cause: String, _ text: String, by: String) async throws
    /// By the keys of their causes.
    func notes() async throws -> [String: PoisonNote]

    // MARK: Events

    /// Where the events are that the queue took in this time.
    func stretch(from: Timestamp?, until: Timestamp?) async throws -> [Int32: RedriveStretch]

    /// Hands over a job's events, in batches, each of one partition.
    func readEvents(of job: RedriveJob, to body: (Int32, [LoggedMessage]) async throws -> Void) async throws

    /// Which of these events a sink has had, by the group of its first route.
    func delivered(among events: [LoggedMessage], in partition: Int32, by route: String) async throws -> [Bool]
}

/// The right to work a lane off, which one process has at a time.
protocol RedriveLease: Subscriber {
    var isLeading: Bool { get }
}

extension SQLiteSubscriber: RedriveLease {}

/// The messages of a job that are left, one after the other. Belongs to the worker that works the job off.
protocol RedriveSource {
    var job: RedriveJob { get }
    /// What comes next. It is given again until ``advance()`` was called.
    mutating func next() async throws -> RedriveNext
    /// What came last has ended.
    mutating func advance()
}

/// What comes next of a job.
enum RedriveNext: Sendable {
    case deliver(RedriveEntry)
    /// It is gone, or was settled otherwise: nothing to deliver.
    case gone(RedriveStep)
    case end
}

/// A message's turn in a job.
struct RedriveStep: Sendable, Equatable {
    var place: RedrivePlace
    /// How many of the job's messages ended before it, where the store counts them.
    var index: Int64 = 0
}

extension RedriveStore {
    func follow() async {}
    func keepUp() async {}
    var problem: String? { nil }
    func close() async {}

    func records(knowing known: [RedriveJob]) async throws -> [RedriveRecord] { try await records() }

    /// Lets go of what matches.
    /// - Returns: what was done, in words.
    func drop(_ filter: PoisonFilter, isDry: Bool, by: String) async throws -> String {
        let found = try await poisoned().filter(filter.matches)
        guard !found.isEmpty else { throw ControlFailure(.invalid, "no message of the poison queue matches") }
        let causes = PoisonGroup.grouped(found)
        let words = causes.prefix(10).map { "\($0.count) of \($0.cause.key) (\($0.cause.route): \($0.cause.reason))" }
            .joined(separator: "; ")
        guard !isDry else { return "would drop \(found.count) messages: \(words)" }
        do {
            try await drop(found, words, by: by)
        } catch let error as SQLiteLogError {
            switch error.code {
            case .groupInUse: throw ControlFailure(.failed, "another process reads the poison queue: \(error)")
            case .diskFull, .readOnly: throw ControlFailure(.cannotWrite, "\(error)")
            default: throw error
            }
        }
        return "\(found.count) messages are dropped: \(words)"
    }

    /// - Parameter cause: its key, or the beginning of it.
    /// - Returns: what was done, in words.
    func note(cause: String, _ text: String, by: String) async throws -> String {
        let keys = Set(try await poisoned().map(\.cause.key)).filter { $0.hasPrefix(cause.lowercased()) }
        guard let key = keys.first, keys.count == 1 else {
            throw ControlFailure(
                .invalid, keys.isEmpty ? "no message of the poison queue has this cause" : "several causes begin so")
        }
        let text = text.replacingUnsafeCharacters()
        try await note(key, text, by: by)
        return text.isEmpty ? "the note about \(key) is gone" : "noted about \(key)"
    }
}
