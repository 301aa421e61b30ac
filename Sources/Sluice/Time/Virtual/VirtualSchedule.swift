/// What happens next in virtual time: a state machine without tasks, threads or locks.
struct VirtualSchedule<Job, Action> {
    enum Step {
        /// A task's next part.
        case run(Job)
        /// Timers that fall due at the same moment, in the order in which they were set.
        case fire([Action])
        /// Nothing can run: these may look whether what they wait for has come about.
        case look([UInt64])
        /// Nothing can ever happen again by itself.
        case stuck
    }

    private(set) var now: UInt64 = 0
    /// How many jobs were taken since time moved on.
    private(set) var jobsAtThisTime = 0

    private let isShuffled: Bool
    private var generator: SplitMix64
    private var ready: [Job] = []
    /// Where the first job stands in `ready`.
    private var first = 0
    private var timers = TimerHeap<Action>()
    private var lookers: [UInt64] = []
    /// Those who looked last, and how many jobs had been taken at this time before.
    private var lastLook: (lookers: Set<UInt64>, jobs: Int)?

    init(seed: UInt64, isShuffled: Bool) {
        self.isShuffled = isShuffled
        generator = SplitMix64(seed: seed)
    }

    mutating func add(_ job: Job) {
        ready.append(job)
    }

    mutating func addTimer(after nanoseconds: UInt64, _ action: Action) {
        timers.add(action, at: now.addingReportingOverflow(nanoseconds).overflow ? .max : now + nanoseconds)
    }

    /// `id` looks again when no task can run.
    mutating func addLooker(_ id: UInt64) {
        lookers.append(id)
    }

    mutating func removeLooker(_ id: UInt64) {
        lookers.removeAll { $0 == id }
    }

    mutating func removeLookers() {
        lookers = []
    }

    mutating func removeTimers() {
        timers = TimerHeap()
    }

    /// Takes out the jobs that can run.
    mutating func removeJobs() -> [Job] {
        defer {
            ready = []
            first = 0
        }
        return Array(ready[first...])
    }

    /// - Parameter isOver: whether an action is that of a wait that has ended: time does not move for its sake.
    mutating func next(isOver: (Action) -> Bool) -> Step {
        if let job = takeJob() {
            jobsAtThisTime += 1
            return .run(job)
        }
        if !lookers.isEmpty, !haveLookedInVain {
            defer { lookers = [] }
            lastLook = (Set(lookers), jobsAtThisTime)
            return .look(lookers)
        }
        lastLook = nil
        let due = timers.takeNext(unless: isOver)
        guard let time = due.time else { return .stuck }
        if time > now {
            now = time
            jobsAtThisTime = 0
        }
        return .fire(due.actions)
    }

    /// Whether those who look have just done so, and no other task has run since.
    private var haveLookedInVain: Bool {
        guard let lastLook, lastLook.jobs + lookers.count == jobsAtThisTime else { return false }
        return lastLook.lookers == Set(lookers)
    }

    private mutating func takeJob() -> Job? {
        guard first < ready.count else {
            ready.removeAll(keepingCapacity: true)
            first = 0
            return nil
        }
        if isShuffled {
            let chosen = Int.random(in: first..<ready.count, using: &generator)
            ready.swapAt(first, chosen)
        }
        let job = ready[first]
        first += 1
        if first >= 1_024, first * 2 >= ready.count {
            ready.removeFirst(first)
            first = 0
        }
        return job
    }
}
