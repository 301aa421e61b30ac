import DequeModule
import Sluice

/// The calls of a publisher, and what of their messages is out: what to send next, what a confirm settles, and which
/// call is over.
///
/// It sends and receives nothing; the publisher's thread owns it.
final class PublishWindow {
    /// A call whose messages are being sent.
    final class Sending {
        let call: PublishCall
        /// The next of its messages to send.
        fileprivate(set) var next = 0
        fileprivate var unconfirmed = 0
        /// What the broker has not taken, as far as is known, and the first reason for it.
        fileprivate var failed: [MessageID] = []
        fileprivate var problem: AMQPError?
        fileprivate var deadline: MonotonicTime

        fileprivate init(_ call: PublishCall, deadline: MonotonicTime) {
            self.call = call
            self.deadline = deadline
        }

        var isSent: Bool { next == call.messages.count }

        fileprivate func fail(_ id: MessageID, _ error: AMQPError) {
            failed.append(id)
            problem = problem ?? error
        }

        fileprivate func failRest() {
            failed += call.messages[next...].map(\.id)
            next = call.messages.count
        }
    }

    /// A message that was sent and is not confirmed.
    struct Sent {
        fileprivate let sending: Sending
        fileprivate let index: Int
        /// Whether the broker has sent it back because no queue takes it.
        fileprivate(set) var isReturned = false

        var topic: Topic { sending.call.topic }
        var id: MessageID { sending.call.messages[index].id }
        var publishing: AMQPPublishing { sending.call.publishings[index] }
    }

    private let timeout: Duration
    private let maxUnconfirmed: Int
    private let maxUnconfirmedBytes: Int
    private let meter: PublisherMeter?
    /// In the order in which they came, those that are sent included, until they are over.
    private var calls = Deque<Sending>()
    /// Those of them that are not sent completely.
    private var unsent = Deque<Sending>()
    private var ledger = ConfirmLedger<Sent>()
    private var unconfirmedBytes = 0

    init(_ options: AMQPPublisher.Configuration, meter: PublisherMeter?) {
        timeout = options.publishTimeout
        maxUnconfirmed = options.maxUnconfirmed
        maxUnconfirmedBytes = options.maxUnconfirmedBytes ?? .max
        self.meter = meter
    }

    /// How many messages are out.
    var unconfirmed: Int { ledger.count }

    /// Whether another message may be sent before a confirm comes.
    var hasRoom: Bool { ledger.count < maxUnconfirmed && unconfirmedBytes < maxUnconfirmedBytes }

    /// Whether no task waits any more.
    var isEmpty: Bool { calls.allSatisfy(\.call.isFinished) }

    // MARK: Calls

    func add(_ added: [PublishCall]) {
        for call in added where !call.isFinished {
            let sending = Sending(call, deadline: call.start.advanced(by: timeout))
            calls.append(sending)
            unsent.append(sending)
        }
        dropFinished()
    }

    /// A call whose task does not wait any more is over.
    private func dropFinished() {
        while let first = calls.first, first.call.isFinished { calls.removeFirst() }
    }

    /// Fails the calls whose time is over.
    /// - Parameter problem: what keeps the broker away.
    /// - Returns: when the next one's is.
    func expire(_ now: MonotonicTime, _ problem: AMQPError?) -> MonotonicTime? {
        while let first = calls.first {
            if first.call.isFinished {
                calls.removeFirst()
                continue
            }
            guard first.deadline <= now else { return first.deadline }
            calls.removeFirst()
            let seconds = timeout.inSeconds
            let error =
                problem.map { AMQPError(.unreachable, "no broker could be reached within \(seconds) s: \($0.detail)") }
                ?? AMQPError(.timedOut, "the broker confirmed nothing within \(seconds) s")
            first.failRest()
            finish(first, error)
        }
        return nil
    }

    /// Time without a connection does not count.
    func extend(by pause: Duration) {
        for sending in calls { sending.deadline = sending.deadline.advanced(by: pause) }
    }

    /// Ends a call that has nothing more to send.
    func fail(_ sending: Sending, _ error: AMQPError) {
        unsent.removeAll { $0 === sending }
        sending.failRest()
        finish(sending, error)
    }

    func failAll(_ error: any Error) {
        for sending in calls { sending.call.finish(error) }
        calls = []
        unsent = []
    }

    /// What was sent and not confirmed may have been taken or not: its callers decide. What was not begun is sent later.
    func abandon(_ reason: (Topic) -> AMQPError) {
        for sent in ledger.removeAll() where !sent.sending.call.isFinished {
            sent.sending.fail(sent.id, reason(sent.topic))
            sent.sending.unconfirmed -= 1
        }
        for sending in calls where sending.next > 0 && !sending.call.isFinished {
            sending.failRest()
            finish(sending, reason(sending.call.topic))
        }
        unsent.removeAll { $0.isSent || $0.call.isFinished }
        unconfirmedBytes = 0
    }

    /// - Parameter error: for what is not confirmed; the call's own first problem wins.
    private func finish(_ sending: Sending, _ error: AMQPError? = nil) {
        guard let problem = sending.problem ?? error else { return sending.call.finish() }
        var notAccepted = sending.failed
        if sending.unconfirmed > 0 {
            let known = Set(notAccepted)
            ledger.changeAll { sent in
                if sent.sending === sending, !known.contains(sent.id) { notAccepted.append(sent.id) }
            }
        }
        if !notAccepted.isEmpty { meter?.failed(problem) }
        sending.call.finish(PublishError(notAccepted: notAccepted, underlying: problem))
    }

    // MARK: Messages

    /// The first call that has messages to send.
    func next() -> Sending? {
        while let sending = unsent.first {
            if !sending.call.isFinished, !sending.isSent { return sending }
            unsent.removeFirst()
        }
        return nil
    }

    /// The call's next message is out.
    func noteSent(_ sending: Sending) {
        ledger.append(Sent(sending: sending, index: sending.next))
        unconfirmedBytes += sending.call.publishings[sending.next].body.count
        sending.next += 1
        sending.unconfirmed += 1
    }

    /// The call's next message cannot be sent.
    func skip(_ sending: Sending, _ error: AMQPError) {
        sending.fail(sending.call.messages[sending.next].id, error)
        sending.next += 1
        finishIfDone(sending)
    }

    /// - Parameter problem: why the broker has not taken a message; nil when it has.
    /// - Returns: false when nothing of that number is out.
    func confirm(_ number: UInt64, multiple: Bool, _ problem: (Sent) -> AMQPError?) -> Bool {
        ledger.confirm(number, multiple: multiple) { sent in
            let sending = sent.sending
            unconfirmedBytes -= sent.publishing.body.count
            sending.unconfirmed -= 1
            if let error = problem(sent) { sending.fail(sent.id, error) }
            finishIfDone(sending)
        }
    }

    private func finishIfDone(_ sending: Sending) {
        if sending.unconfirmed == 0, sending.isSent, !sending.call.isFinished { finish(sending) }
    }

    /// A message came back, and its confirm follows. It has no number: its like is looked for among what is out, and
    /// where there is none everything that went the same way counts as returned.
    func noteReturned(_ content: ContentReader.Content, wentTheSameWay: (Topic) -> Bool) {
        let isFound = ledger.change { sent in
            guard !sent.isReturned, sent.publishing.body == content.body,
                sent.publishing.properties == content.properties
            else { return false }
            sent.isReturned = true
            return true
        }
        guard !isFound else { return }
        ledger.changeAll { sent in
            if wentTheSameWay(sent.topic) { sent.isReturned = true }
        }
    }
}
