import CCurl
import Glibc
import Sluice

/// What the client's thread runs: it starts requests in turn, lets libcurl work, hands out answers, and waits for more.
final class TransferLoop {
    enum Command {
        case start(Ticket, UnsafeContinuation<Completion, Never>)
        case cancel(Ticket)
    }

    private final class Transfer {
        let ticket: Ticket
        let continuation: UnsafeContinuation<Completion, Never>
        let origin: String
        var easy: EasyHandle?
        var started: MonotonicTime?

        init(_ ticket: Ticket, _ continuation: UnsafeContinuation<Completion, Never>) {
            self.ticket = ticket
            self.continuation = continuation
            origin = ticket.request.origin
        }
    }

    private let inbox: Inbox<Command>
    private let multi: MultiHandle
    private let configuration: HTTPClient.Configuration

    /// All that were taken in and have not ended, by ticket, waiting ones included.
    private var transfers: [ObjectIdentifier: Transfer] = [:]
    private var running: [UnsafeMutableRawPointer: Transfer] = [:]
    private var admission: Admission<Transfer>
    private var idle: [EasyHandle] = []
    private var commands: [Command] = []
    /// No transfer's deadline is earlier. It may be too early itself, as ended transfers do not move it.
    private var nextDeadline = MonotonicTime(nanoseconds: .max)
    private var failures = 0
    private let certificates: CertificateBundle?
    private var resets = ResetMemory()

    /// - Parameter inbox: wakes the multi handle.
    init(
        _ inbox: Inbox<Command>, _ multi: MultiHandle, _ configuration: HTTPClient.Configuration,
        _ certificates: CertificateBundle?
    ) {
        self.certificates = certificates
        self.inbox = inbox
        self.multi = multi
        self.configuration = configuration
        admission = Admission(limit: configuration.limit, limitPerLane: configuration.limitPerHost)
    }

    /// Returns when the client is closed and nothing is left in flight, or the time for that is over.
    func run() {
        DedicatedThread.blockSignals()
        while true {
            multi.beginTurn()
            let closeDeadline = inbox.take(into: &commands)
            for command in commands { obey(command) }
            commands.removeAll(keepingCapacity: true)

            let hasRoom = work()
            let now = MonotonicTime.now()
            expire(now)
            if let closeDeadline, transfers.isEmpty || closeDeadline <= now { break }
            if hasRoom { continue }
            wait(from: now, closingBy: closeDeadline)
        }
        end()
    }

    private func obey(_ command: Command) {
        switch command {
        case .start(let ticket, let continuation):
            let transfer = Transfer(ticket, continuation)
            transfers[ObjectIdentifier(ticket)] = transfer
            if ticket.isCancelled { return finish(transfer, failing: .cancelled) }
            nextDeadline = min(nextDeadline, ticket.deadline)
            admission.add(transfer, to: transfer.origin)
        case .cancel(let ticket):
            if let transfer = transfers[ObjectIdentifier(ticket)] { finish(transfer, failing: .cancelled) }
        }
    }

    /// Starts what may start and does what can be done without waiting.
    /// - Returns: whether places have become free that others wait for.
    private func work() -> Bool {
        var started = false
        while let transfer = admission.next() {
            // It may have ended while it waited.
            if transfers[ObjectIdentifier(transfer.ticket)] == nil {
                admission.leave(transfer.origin)
            } else {
                start(transfer)
                started = true
            }
        }
        if !started, running.isEmpty { return false }
        if !multi.perform() { failAll() }
        var finished = false
        multi.forEachFinished { handle, code in
            guard let transfer = running[handle], let easy = transfer.easy else { return }
            finished = true
            finish(transfer, result(of: transfer, easy, code))
        }
        return finished
    }

    private func start(_ transfer: Transfer) {
        let now = MonotonicTime.now()
        transfer.started = now
        let request = transfer.ticket.request
        guard let easy = idle.popLast() ?? EasyHandle() else {
            admission.leave(transfer.origin)
            return finish(transfer, .failure(HTTPClientError(.failed, target: request.target)))
        }
        transfer.easy = easy
        let code = easy.prepare(request, configuration, certificates, resets.advice(transfer.origin, now))
        guard code == CURLE_OK else {
            return finish(transfer, .failure(HTTPClientError(code, on: easy, target: request.target)))
        }
        running[easy.handle] = transfer
        if !multi.add(easy) { finish(transfer, failing: .failed) }
    }

    private func result(
        of transfer: Transfer, _ easy: EasyHandle, _ code: CURLcode
    ) -> Result<HTTPClient.Response, HTTPClientError> {
        let request = transfer.ticket.request
        let isCutOff = easy.bodyIsTooLarge && request.acceptsTruncatedBody && easy.status != nil
        if code == CURLE_OK || isCutOff { return .success(easy.takeResponse(target: request.target)) }
        return .failure(HTTPClientError(code, on: easy, target: request.target))
    }

    private func finish(_ transfer: Transfer, failing code: HTTPClientError.Code) {
        let error = HTTPClientError(
            code, target: transfer.ticket.request.target, outcomeUnknown: transfer.easy?.hasSent ?? false,
            status: transfer.easy?.status)
        finish(transfer, .failure(error))
    }

    private func finish(_ transfer: Transfer, _ result: Result<HTTPClient.Response, HTTPClientError>) {
        transfers[ObjectIdentifier(transfer.ticket)] = nil
        if let easy = transfer.easy {
            transfer.easy = nil
            if case .failure(let error) = result, error.endsConnections { resets.note(transfer.origin, .now()) }
            if running.removeValue(forKey: easy.handle) != nil { multi.remove(easy) }
            easy.reset()
            if idle.count < configuration.limit { idle.append(easy) }
            admission.leave(transfer.origin)
        }
        transfer.continuation.resume(returning: Completion(result: result, started: transfer.started))
    }

    /// Ends what has used up its time. It scans, at most once for each time that a deadline passes.
    private func expire(_ now: MonotonicTime) {
        guard now >= nextDeadline else { return }
        var expired: [Transfer] = []
        nextDeadline = MonotonicTime(nanoseconds: .max)
        for transfer in transfers.values {
            if transfer.ticket.deadline <= now {
                expired.append(transfer)
            } else {
                nextDeadline = min(nextDeadline, transfer.ticket.deadline)
            }
        }
        for transfer in expired { finish(transfer, failing: .timeout) }
    }

    private func wait(from now: MonotonicTime, closingBy closeDeadline: MonotonicTime?) {
        let deadline = min(nextDeadline, closeDeadline ?? nextDeadline)
        let milliseconds = min(deadline.nanoseconds(since: now) / 1_000_000 + 1, 3_600_000)
        if multi.wait(milliseconds: Int32(milliseconds)) {
            failures = 0
        } else {
            // Libcurl cannot wait, for want of memory or of descriptors: what is in flight cannot go on, and the
            // thread must not spin.
            failAll()
            failures += 1
            _ = poll(nil, 0, Int32(min(failures, 100)))
        }
    }

    private func failAll() {
        for transfer in Array(transfers.values) { finish(transfer, failing: .failed) }
    }

    private func end() {
        for transfer in Array(transfers.values) { finish(transfer, failing: .closed) }
        for case .start(let ticket, let continuation) in inbox.end() {
            finish(Transfer(ticket, continuation), failing: .closed)
        }
        idle = []
        multi.close()
    }
}
