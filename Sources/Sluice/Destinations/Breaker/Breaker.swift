import DequeModule
import Synchronization

/// A ``CircuitBreaker`` at work, and those that wait for it. Without a policy it is closed for good.
final class Breaker: Sendable {
    /// Who waits, or asks.
    struct Visitor: Sendable {
        let message: MessageID
        /// The route, whose messages keep their order.
        let route: ObjectIdentifier
        /// Of the route: it goes before those that stand behind it.
        var standing = Standing.ordinary
    }

    /// How an attempt ended that has failed.
    struct Failure {
        let message: MessageID
        let isFirst: Bool
        let isProbe: Bool
    }

    private struct Line {
        let route: ObjectIdentifier
        let standing: Standing
        var waiting = Deque<(message: MessageID, pass: Pass)>()
    }

    private struct State {
        var policy: CircuitBreaker?
        var book: BreakerBook
        /// One for each route, and whose turn is next.
        var lines: [Line] = []
        var turn = 0
        var timedUntil: MonotonicTime?
        var shown = BreakerBook.State.closed
        /// How often it has come to each state.
        var transitions: [BreakerBook.State: Int64] = [:]

        /// The state that it acts in: what a person says outdoes what attempts say.
        var inForce: BreakerBook.State {
            switch policy?.force {
            case .auto: book.state
            case .open: .open
            case .closed, nil: .closed
            }
        }
    }

    /// A place in the line, and what it was granted.
    final class Pass: Sendable {
        let ticket = Ticket()
        private let probe = Atomic<Bool>(false)

        /// Whether its message finds out. Set before it is granted.
        var isProbe: Bool { probe.load(ordering: .relaxed) }

        fileprivate func makeProbe() { probe.store(true, ordering: .relaxed) }
    }

    /// What a person should hear of.
    enum News: Equatable {
        case opened(BreakerBook.Cause, until: MonotonicTime)
        case closed
    }

    private let time: RouterTime
    private let state: Mutex<State>
    private let passable: Atomic<Bool>

    init(_ policy: CircuitBreaker?, time: RouterTime) {
        self.time = time
        state = Mutex(State(policy: policy, book: BreakerBook(at: time.now)))
        passable = Atomic(policy?.force != .open)
    }

    /// Whether every attempt may be made, as of the last look.
    var isPassable: Bool { passable.load(ordering: .relaxed) }

    // MARK: The way in

    /// - Returns: nil when the message may be attempted now; otherwise its place in the line.
    func enter(_ visitor: Visitor) -> (pass: Pass, isWaiting: Bool)? {
        let entered = state.withLock { state -> (Pass, Bool)? in
            defer { note(&state) }
            let pass = Pass()
            // Those that wait come first.
            guard let policy = state.policy else { return nil }
            if state.lines.isEmpty {
                switch state.book.enter(visitor.message, policy, at: time.now) {
                case .pass: return nil
                case .probe:
                    pass.makeProbe()
                    return (pass, false)
                case .wait: break
                }
            }
            if let index = state.lines.firstIndex(where: { $0.route == visitor.route }) {
                state.lines[index].waiting.append((visitor.message, pass))
            } else {
                state.lines.append(
                    Line(route: visitor.route, standing: visitor.standing, waiting: [(visitor.message, pass)]))
            }
            return (pass, true)
        }
        if entered?.1 == true { act() }
        return entered
    }

    /// A probe will not be made.
    func forgo() { act { $0.book.forgo() } }

    // MARK: How attempts end

    func probeSucceeded(_ successes: BreakerBook.Successes) -> News? {
        let now = time.now
        return act { state in
            if let policy = state.policy { state.book.probeSucceeded(policy, successes, at: now) }
        }
    }

    func failed(_ failure: Failure, _ successes: BreakerBook.Successes) -> News? {
        let (now, jitter) = (time.now, time.random(in: 0...1))
        return act { state in
            guard let policy = state.policy else { return }
            state.book.failed(
                failure.message, isFirst: failure.isFirst, isProbe: failure.isProbe, policy, successes, at: now,
                jitter: jitter)
        }
    }

    /// Goes by another policy from now on; what waits is decided anew.
    /// - Returns: whether a person says something else of it from now on, and what; nil where there is no policy.
    @discardableResult
    func update(
        _ policy: CircuitBreaker?, _ successes: BreakerBook.Successes
    ) -> (isChanged: Bool, now: CircuitBreaker.Force?) {
        let now = time.now
        var before: CircuitBreaker.Force?
        act { state in
            before = state.policy?.force
            // One that begins knows nothing of what was before.
            if state.policy == nil || policy == nil { state.book = BreakerBook(at: now, successes) }
            state.policy = policy
        }
        return ((before ?? .auto) != (policy?.force ?? .auto), policy?.force)
    }

    // MARK: What it says

    struct Figures {
        let state: BreakerBook.State
        let cause: BreakerBook.Cause?
        /// Nil where there is no policy.
        let force: CircuitBreaker.Force?
        /// Since when it is not closed; nil while it is.
        let since: MonotonicTime?
        /// Whether a message is about to find out.
        let isProbing: Bool
        /// When it may be asked next; nil while it is closed, while a probe is under way, or while it is forced.
        let until: MonotonicTime?
        let transitions: [BreakerBook.State: Int64]
    }

    func read() -> Figures {
        state.withLock { state in
            Figures(
                state: state.inForce, cause: state.book.cause, force: state.policy?.force, since: state.book.began,
                isProbing: state.book.isProbing,
                until: state.policy.flatMap {
                    state.book.state == .open && $0.force == .auto ? state.book.until($0) : nil
                },
                transitions: state.transitions)
        }
    }

    // MARK: The line

    /// Changes the state, then lets those go, outside the lock, whose turn has come.
    @discardableResult
    private func act(_ change: (inout State) -> Void = { _ in }) -> News? {
        var news: News?
        var isChanged = false
        while true {
            let now = time.now
            let (next, timer) = state.withLock { state -> (Pass?, MonotonicTime?) in
                if !isChanged { news = apply(change, &state) }
                defer { note(&state) }
                return takeNext(&state, now)
            }
            isChanged = true
            if let timer {
                time.after(now.duration(to: timer)) { [weak self] in self?.act { $0.timedUntil = nil } }
            }
            guard let next else { return news }
            if !next.ticket.grant(), next.isProbe { state.withLock { $0.book.forgo() } }
        }
    }

    private func apply(_ change: (inout State) -> Void, _ state: inout State) -> News? {
        let before = state.book.state
        change(&state)
        switch state.book.state {
        case .open where before != .open:
            guard let policy = state.policy else { return nil }
            return state.book.cause.map { .opened($0, until: state.book.until(policy)) }
        case .closed where before != .closed: return .closed
        default: return nil
        }
    }

    /// The next that may go, and when to look again.
    private func takeNext(_ state: inout State, _ now: MonotonicTime) -> (Pass?, MonotonicTime?) {
        var next: MonotonicTime?
        let inTurn = state.lines.indices.map { (state.turn + $0) % state.lines.count }
        let byStanding = Standing.allCases.flatMap { standing in inTurn.filter { state.lines[$0].standing == standing }
        }
        for line in byStanding {
            // Behind the only message that has failed another may go.
            let head = state.lines[line].waiting.first.map { state.book.isSuspect($0.message) } ?? false
            for place in state.lines[line].waiting.indices.prefix(head ? 2 : 1) {
                let (message, pass) = state.lines[line].waiting[place]
                switch state.policy.map({ state.book.enter(message, $0, at: now) }) {
                case .wait(let until):
                    next = until ?? next
                    continue
                case .probe: pass.makeProbe()
                case .pass, nil: break
                }
                state.lines[line].waiting.remove(at: place)
                state.turn = line + 1
                if state.lines[line].waiting.isEmpty {
                    state.lines.remove(at: line)
                    state.turn = line
                }
                return (pass, nil)
            }
        }
        guard let next, state.timedUntil.map({ next < $0 }) ?? true else { return (nil, nil) }
        state.timedUntil = next
        return (nil, next)
    }

    /// Brings what is read without the lock up to the state.
    private func note(_ state: inout State) {
        passable.store(state.inForce == .closed, ordering: .relaxed)
        guard state.inForce != state.shown else { return }
        state.shown = state.inForce
        state.transitions[state.shown, default: 0] += 1
    }
}
