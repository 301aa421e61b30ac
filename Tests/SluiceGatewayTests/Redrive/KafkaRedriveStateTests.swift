import Sluice
import Testing

@testable import SluiceGateway

/// What the records on Kafka's topic of jobs come to.
struct KafkaRedriveStateTests {
    private func place(_ offset: Int64, _ partition: Int32 = 0) -> RedrivePlace {
        RedrivePlace(partition: partition, offset: offset)
    }

    private func job(_ id: Int64 = 1, _ offsets: [Int64] = [0, 1, 2, 3, 4], canaries: [Int64] = []) -> RedriveJob {
        var job = RedriveJob(kind: .retry, lane: "log-to-slack", name: "slack")
        job.id = id
        job.selected = PlaceSet(offsets.map { place($0) })
        job.canaries = canaries.map { place($0) }
        job.total = Int64(offsets.count)
        return job
    }

    private func begin(_ state: KafkaRedriveState, _ id: Int64 = 1, owner: String) -> KafkaRedriveRecord {
        let kept = state.jobs[id]
        let epochs = kept?.epochs ?? []
        return .mark(
            id,
            KafkaRedriveMark(
                progress: kept?.progress ?? RedriveProgress(),
                epochs: epochs + [.init(owner: owner, start: kept?.progress.handled ?? 0)],
                isBegin: true))
    }

    private func step(
        _ state: KafkaRedriveState, _ id: Int64 = 1, _ verdict: RedriveProgress.Verdict = .delivered
    ) throws -> KafkaRedriveRecord {
        let kept = try #require(state.jobs[id])
        var mark = KafkaRedriveMark(progress: kept.progress, epochs: kept.epochs)
        let order = kept.job.order
        mark.progress.note(verdict, at: order[Int(kept.progress.handled)], of: kept.job)
        return .mark(id, mark)
    }

    @Test func messagesAreSettledInTheJobsOrder() throws {
        var state = KafkaRedriveState()
        state.take(.job(job(canaries: [4, 2]), token: "a"))
        state.take(begin(state, owner: "one"))
        state.take(try step(state))
        #expect(state.settled == PlaceSet([place(4)]))
        state.take(try step(state, 1, .skipped))
        state.take(try step(state))
        #expect(state.settled == PlaceSet([place(4), place(2), place(0)]))
        #expect(state.jobs[1]?.progress.handled == 3 && state.jobs[1]?.progress.skipped == 1)
    }

    @Test func aRecordThatComesTwiceOrLateChangesNothing() throws {
        var state = KafkaRedriveState()
        state.take(.job(job(), token: "a"))
        state.take(begin(state, owner: "one"))
        let first = try step(state)
        state.take(first)
        let second = try step(state)
        state.take(second)
        let (records, settled) = (state.records, state.settled)
        state.take(second)
        state.take(first)
        #expect(state.records == records && state.settled == settled)
    }

    @Test func ofTwoJobsThatWantANumberTheFirstHasIt() {
        var state = KafkaRedriveState()
        state.take(.job(job(1, [1]), token: "a"))
        state.take(.job(job(1, [2]), token: "b"))
        #expect(state.jobs[1]?.token == "a")
        // Taking the other one away again leaves the first.
        state.take(key: "job 1 b", payload: [])
        #expect(state.jobs[1]?.token == "a")
        state.take(key: "job 1 a", payload: [])
        #expect(state.jobs.isEmpty)
    }

    @Test func whatAFormerWorkerWritesCountsNoMore() throws {
        var state = KafkaRedriveState()
        state.take(.job(job(), token: "a"))
        state.take(begin(state, owner: "one"))
        state.take(try step(state))
        let late = try step(state, 1, .failed("late"))
        // The other one has not seen what the first wrote last.
        let early = begin(state, owner: "two")
        state.take(try step(state))
        state.take(early)
        #expect(state.jobs[1]?.owner == "two" && state.jobs[1]?.progress.handled == 2)
        let before = state.records
        state.take(late)
        #expect(state.records == before)
        // Of two that begin at once the first one does.
        var third = state
        third.take(begin(state, owner: "three"))
        third.take(begin(state, owner: "four"))
        #expect(third.jobs[1]?.owner == "three")
    }

    @Test func aCopyInThePoisonQueueCountsOnceItsStepDoes() throws {
        var state = KafkaRedriveState()
        state.take(.job(job(), token: "a"))
        state.take(begin(state, owner: "one"))
        func copy(_ index: Int64, _ owner: String, _ token: String = "a") -> Bool {
            let step = KafkaRedriveStep(token: token, job: 1, index: index, owner: owner)
            return state.counts([RedriveMetadata.step: step.text], at: place(90))
        }
        #expect(!copy(0, "one"))
        state.take(try step(state, 1, .failed("no")))
        #expect(copy(0, "one") && !copy(1, "one"))
        // What was interrupted is done again by the next worker, under its name.
        state.take(begin(state, owner: "two"))
        state.take(try step(state, 1, .failed("no")))
        #expect(copy(0, "one") && !copy(1, "one") && copy(1, "two"))
        // What other jobs have put there, and what the first release did, is as it is.
        #expect(copy(7, "x", "gone") && state.counts([:], at: place(1)))
        #expect(state.counts([RedriveMetadata.step: "what"], at: place(1)))
        #expect(!state.counts([RedriveMetadata.returned: "gone"], at: place(1)))
        #expect(state.counts([RedriveMetadata.returned: "a"], at: place(1)))
        #expect(!state.counts([RedriveMetadata.returned: "a"], at: place(9)))
    }

    @Test func aPersonsWordOutlivesTheWorkersRecords() throws {
        var state = KafkaRedriveState()
        state.take(.job(job(), token: "a"))
        state.take(begin(state, owner: "one"))
        let underway = try step(state)
        state.take(.will(1, .pause, by: "uid 7"))
        state.take(underway)
        #expect(state.jobs[1]?.progress.state == .paused && state.jobs[1]?.progress.delivered == 1)
        #expect(state.jobs[1]?.progress.why == "paused by uid 7")
        state.take(.will(1, .resume, by: "uid 7"))
        #expect(state.jobs[1]?.progress.state == .running)
        state.take(.will(1, .cancel, by: "uid 7"))
        state.take(.will(1, .resume, by: "uid 7"))
        state.take(try step(state))
        #expect(state.jobs[1]?.progress.state == .cancelled && state.jobs[1]?.progress.delivered == 2)
        #expect(state.settled == PlaceSet([place(0), place(1)]))
    }

    @Test func aJobThatHasStoppedGoesOnWhenAPersonSaysSo() throws {
        var state = KafkaRedriveState()
        state.take(.job(job(canaries: [4]), token: "a"))
        state.take(begin(state, owner: "one"))
        state.take(try step(state, 1, .failed("no")))
        #expect(state.jobs[1]?.progress.state == .stopped)
        state.take(.will(1, .resume, by: "uid 7"))
        #expect(state.jobs[1]?.progress.state == .running)
        state.take(try step(state))
        #expect(state.jobs[1]?.progress.state == .running && state.jobs[1]?.progress.delivered == 1)
    }

    @Test func notesAreForgottenAndWhatWasDroppedIsSettled() {
        var state = KafkaRedriveState()
        state.take(.note("00ff00ff", PoisonNote(text: "Ada looks", by: "uid 7")))
        #expect(state.notes["00ff00ff"]?.text == "Ada looks")
        state.take(.note("00ff00ff", PoisonNote()))
        #expect(state.notes.isEmpty)
        state.take(.drop(PlaceSet([place(3, 1)]), token: "d"))
        #expect(state.settled == PlaceSet([place(3, 1)]))
    }

    @Test func whatThePoisonQueuesGroupKnowsMayGo() throws {
        var state = KafkaRedriveState()
        for id in 1...Int64(RedriveLimits.endedJobs + 2) {
            state.take(.job(job(id, [id]), token: "t\(id)"))
            state.take(.will(id, .cancel, by: "uid 7"))
        }
        state.take(.drop(PlaceSet([place(1)]), token: "d"))
        #expect(state.keysToForget(committed: PlaceSet()).isEmpty)
        let keys = state.keysToForget(committed: PlaceSet([place(1)]))
        #expect(keys == ["end 1", "job 1 t1", "drop d"])
        for key in keys { state.take(key: key, payload: []) }
        #expect(state.jobs[1] == nil && state.drops.isEmpty && state.settled.contains(place(1)))
    }

    @Test func aJobInPartsIsWholeOnceItComes() throws {
        var state = KafkaRedriveState()
        let offsets = stride(from: Int64(0), to: 40, by: 2).map { $0 }
        var wanted = job(1, offsets, canaries: [38])
        let parts = wanted.selected.parts(ofRanges: 7)
        #expect(parts.count == 3 && parts.map(\.count) == [7, 7, 6])
        (wanted.parts, wanted.selected) = (3, PlaceSet())
        for (index, part) in parts.enumerated() { state.take(.part(part, token: "a", index: Int64(index))) }
        state.take(.job(wanted, token: "a"))
        #expect(state.jobs[1]?.job.order.map(\.offset) == [38] + offsets.dropLast())
        state.take(begin(state, owner: "one"))
        for _ in 0..<20 { state.take(try step(state)) }
        #expect(state.settled == PlaceSet(offsets.map { place($0) }))
        // Without one of its parts nothing of it is sent.
        state.take(.part(parts[0], token: "b", index: 0))
        wanted.id = 2
        state.take(.job(wanted, token: "b"))
        #expect(state.jobs[2]?.job.selected.isEmpty == true)
    }

    @Test func partsGoWithTheirJobAndThoseWithoutOneAfterADay() throws {
        var state = KafkaRedriveState()
        let now = Timestamp.now()
        state.take(.part(PlaceSet([place(5)]), token: "lost", index: 0), at: now)
        state.take(.part(PlaceSet([place(1)]), token: "t1", index: 0), at: now)
        for id in 1...Int64(RedriveLimits.endedJobs + 1) {
            var wanted = job(id, id == 1 ? [] : [id])
            if id == 1 { wanted.parts = 1 }
            state.take(.job(wanted, token: "t\(id)"))
            state.take(.will(id, .cancel, by: "uid 7"))
        }
        #expect(state.jobs[1]?.job.selected == PlaceSet([place(1)]))
        let committed = PlaceSet([place(1)])
        #expect(state.keysToForget(committed: PlaceSet(), now: now).isEmpty)
        // The job goes last: what is left of it, should this be interrupted, says what is to go.
        #expect(state.keysToForget(committed: committed, now: now) == ["end 1", "part t1 0", "job 1 t1"])
        #expect(
            state.keysToForget(committed: PlaceSet(), now: now.advanced(by: .seconds(90_000))) == ["part lost 0"])
        for key in ["end 1", "part t1 0", "part lost 0"] { state.take(key: key, payload: []) }
        #expect(state.keysToForget(committed: committed, now: now.advanced(by: .seconds(90_000))).last == "job 1 t1")
    }

    /// Compaction keeps the last record of each key.
    @Test(arguments: 0..<200)
    func whatCompactionLeavesComesToTheSame(_ seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed))
        var topic: [(key: String, payload: [UInt8])] = []
        var state = KafkaRedriveState()
        func write(_ record: KafkaRedriveRecord) {
            let message = record.message(prefix: "g/")
            topic.append((String(message.metadata[KafkaRedriveRecord.keyName]?.dropFirst(2) ?? ""), message.payload))
            if let last = topic.last { state.take(key: last.key, payload: last.payload) }
        }
        var late: [KafkaRedriveRecord] = []
        for number in 0..<60 {
            let id = Int64.random(in: 1...3, using: &random)
            guard let kept = state.jobs[id] else {
                let offsets = (0..<8).map { $0 * 3 + id }
                write(.job(job(id, offsets, canaries: [offsets[5]]), token: "t\(id)"))
                continue
            }
            switch Int.random(in: 0..<10, using: &random) {
            case 0: write(begin(state, id, owner: "w\(number)"))
            case 1: write(.will(id, .pause, by: "p"))
            case 2: write(.will(id, .resume, by: "p"))
            case 3 where number % 7 == 0: write(.will(id, .cancel, by: "p"))
            case 4: write(.drop(PlaceSet([place(Int64(number), 1)]), token: "d\(number)"))
            case 5 where !late.isEmpty:
                // A worker's own records are in order; what comes late is a former worker's.
                let record = late.removeFirst()
                guard case .mark(let id, let mark) = record else { continue }
                if mark.epochs.count < state.jobs[id]?.epochs.count ?? 0 { write(record) }
            default:
                guard !kept.epochs.isEmpty, kept.progress.state == .running, kept.progress.handled < 8 else { continue }
                let record = try step(state, id, number % 5 == 0 ? .failed("no") : .delivered)
                if number % 11 == 0 { late.append(record) } else { write(record) }
            }
        }
        var compacted = KafkaRedriveState()
        for (index, record) in topic.enumerated()
        where !topic[(index + 1)...].contains(where: { $0.key == record.key }) {
            compacted.take(key: record.key, payload: record.payload)
        }
        #expect(compacted.settled == state.settled)
        #expect(compacted.records.map(\.progress.handled) == state.records.map(\.progress.handled))
        #expect(compacted.jobs.mapValues(\.epochs) == state.jobs.mapValues(\.epochs))
        let states = (compacted.records.map(\.progress.state), state.records.map(\.progress.state))
        #expect(states.0 == states.1)
    }
}
