import Sluice
import SluiceTesting
import Synchronization
import Testing

/// Pauses and resumptions under load, told in virtual time.
@Suite(.timeLimit(.minutes(10)))
struct PauseScenarioTests {
    /// Messages come all the time, the sink fails now and then and takes its time, and a person pauses the route at any
    /// moment, for up to ten minutes. Nothing sets out while it is paused and quiet; all of it arrives, once, in its order.
    @Test(arguments: 0..<12 as Range<UInt64>)
    func nothingSetsOutAndEverythingArrivesOnceInOrder(seed: UInt64) async throws {
        func course() async throws -> [String] {
            try await VirtualTime.run(seed: seed, order: .shuffled) { time in
                let meters = Meters()
                let trace = Journal<String>()
                let taken = Journal<Int>()
                let quiet = Flag()
                let broker = try MemoryBroker(.init(capacity: 10_000), time: time)
                var retry = Retry(maxAttempts: 4)
                retry.backoff = .exponential(from: .seconds(1), upTo: .seconds(20))
                retry.maxElapsed = .seconds(60)
                var configuration = Router.Configuration()
                configuration.destination.budget = nil
                let router = Router(
                    configuration: configuration, middlewares: [retry, Throttle(rate: 2), Timeout(.seconds(30))],
                    instruments: meters.instruments,
                    logger: .silent, time: time)
                let ordering: Ordering = seed % 2 == 0 ? .serial : .perKey(lanes: 4, by: .metadata("key"))
                try router.add(
                    Route("r", from: broker.subscriber(group: "g"), "in", ordering: ordering) { message, context in
                        #expect(!quiet.value, "\(message.number) sets out at \(time.now.offset)")
                        trace.add("\(time.now.offset) \(message.number)")
                        try await context.sleep(for: .milliseconds(Int(time.random(in: 0...900))))
                        #expect(!quiet.value, "\(message.number) was under way at \(time.now.offset)")
                        if time.random(in: 0...1) < 0.1 { throw Broken() }
                        taken.add(message.number)
                    })
                try await router.whileRunning {
                    try await time.eventually { router.status[0].isRunning }
                    for number in 0..<200 {
                        try await broker.publisher().publish([.numbered(number, key: "\(number % 7)")], to: "in")
                        try await time.sleep(for: .milliseconds(Int(time.random(in: 0...1_000))))
                        guard number % 20 == 10 else { continue }
                        try router.pause("r")
                        try await router.waitUntilQuiet("r")
                        quiet.set()
                        let before = taken.count
                        try await time.sleep(for: .seconds(time.random(in: 0...600)))
                        #expect(taken.count == before)
                        quiet.clear()
                        try router.resume("r")
                    }
                    try await time.eventually(within: .seconds(86_400)) { taken.count == 200 }
                }
                #expect(taken.entries.sorted() == Array(0..<200))
                var last: [Int: Int] = [:]
                for number in taken.entries {
                    #expect(last[number % 7, default: -1] < number)
                    last[number % 7] = number
                }
                if ordering.concurrency == 1 { #expect(taken.entries == Array(0..<200)) }
                #expect(meters.value("sluice_unaccounted_messages") == 0)
                return trace.entries
            }
        }
        // A seed repeats its course, to the nanosecond.
        #expect(try await course() == course())
    }
}
