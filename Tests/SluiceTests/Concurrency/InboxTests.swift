import Sluice
import SluiceTesting
import Synchronization
import Testing

struct InboxTests {
    /// An inbox whose wake-ups are counted.
    private struct Counted {
        final class Count: Sendable {
            let wakes = Atomic<Int>(0)
        }

        let count = Count()
        let inbox: Inbox<Int>
        var wakes: Int { count.wakes.load(ordering: .sequentiallyConsistent) }

        init() {
            let count = count
            inbox = Inbox { count.wakes.wrappingAdd(1, ordering: .sequentiallyConsistent) }
        }
    }

    @Test func wakesOnceForAsManyAsComeBeforeTheyAreTaken() {
        let counted = Counted()
        for number in 1...5 { #expect(counted.inbox.post(number)) }
        #expect(counted.wakes == 1 && !counted.inbox.isEmpty)
        #expect(counted.inbox.takeFirst() == 1)
        #expect(counted.inbox.takeAll() == [2, 3, 4, 5])
        #expect(counted.inbox.post(6))
        #expect(counted.wakes == 2 && counted.inbox.takeFirst() == 6 && counted.inbox.takeFirst() == nil)
    }

    @Test func whileItIsClosingItTakesOnlyWhatIsAboutTheRest() {
        let counted = Counted()
        _ = counted.inbox.post(1)
        counted.inbox.close(by: MonotonicTime(nanoseconds: 9))
        counted.inbox.close(by: MonotonicTime(nanoseconds: 5))
        counted.inbox.close(by: MonotonicTime(nanoseconds: 7))
        #expect(!counted.inbox.post(2))
        counted.inbox.postUntilTheEnd(3)
        #expect(counted.inbox.takeAll() == [1, 3])
        #expect(counted.inbox.closing == MonotonicTime(nanoseconds: 5) && !counted.inbox.hasEnded)
    }

    /// What the thread owns is freed by then.
    @Test func onceItHasEndedNothingComesInAndNothingWakes() {
        let counted = Counted()
        _ = counted.inbox.post(1)
        #expect(counted.inbox.end() == [1])
        let wakes = counted.wakes
        #expect(!counted.inbox.post(2))
        counted.inbox.postUntilTheEnd(3)
        counted.inbox.close(by: .longAgo)
        #expect(counted.inbox.end().isEmpty && counted.inbox.isEmpty && counted.inbox.hasEnded)
        #expect(counted.wakes == wakes && counted.inbox.closing == nil)
    }

    /// From many threads, with a thread that sleeps in between: it gets all of them, those of each thread in order.
    @Test func losesNothingThatManyPost() async throws {
        let signal = ThreadSignal()
        let inbox = Inbox<(sender: Int, number: Int)> { signal.raise() }
        let received = Mutex<[[Int]]>(Array(repeating: [], count: 4))
        let thread = try WorkerThread(name: "inbox") {
            while true {
                // Looked at first: once it is closing, nothing comes any more.
                let closing = inbox.closing
                let items = inbox.takeAll()
                received.withLock { received in
                    for item in items { received[item.sender].append(item.number) }
                }
                if closing != nil { return }
                if items.isEmpty { signal.wait(until: nil) }
            }
        }
        await withTaskGroup(of: Void.self) { group in
            for sender in 0..<4 {
                group.addTask {
                    for number in 0..<2_000 { _ = inbox.post((sender, number)) }
                }
            }
        }
        inbox.close(by: .now())
        await thread.end()
        #expect(received.withLock(\.self) == Array(repeating: Array(0..<2_000), count: 4))
    }
}

struct SleepStateTests {
    @Test func isRaisedOnceWhileItIsAwake() {
        let state = SleepState()
        let first = [state.raise(), state.raise(), state.fallAsleep(), state.isAsleep]
        #expect(first == [false, false, false, false])
        let second = [state.fallAsleep(), state.isAsleep, state.raise(), state.isAsleep]
        #expect(second == [true, true, true, false])
        let third = [state.raise(), state.wakeUp(), state.wakeUp(), state.fallAsleep()]
        #expect(third == [false, true, false, true])
    }
}

struct WorkerThreadTests {
    @Test func itsEndIsAwaitedByAll() async throws {
        let signal = ThreadSignal()
        let thread = try WorkerThread(name: "worker") { signal.wait(until: nil) }
        async let first: Void = thread.end()
        async let second: Void = thread.end(within: .seconds(600))
        signal.raise()
        _ = await (first, second)
        await thread.end()
    }

    @Test func oneThatDoesNotEndIsLeftAlone() async throws {
        let signal = ThreadSignal()
        let hasEnded = Completion()
        let thread = try WorkerThread(name: "worker") {
            signal.wait(until: nil)
            hasEnded.occur()
        }
        await thread.end(within: .milliseconds(1))
        // Not joined any more, which would wait for ever.
        await thread.end()
        signal.raise()
        await hasEnded.wait()
    }
}
