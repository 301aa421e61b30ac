import Sluice
import SluiceSQLite
import SluiceTesting
import Testing

/// Every value out of its range is refused where it is configured, by an error that names its field.
struct WrongValueTests {
    @Test func aLogRefusesWhatItCannotHave() async throws {
        let directory = try TemporaryDirectory()
        let wrong: [WrongValue<SQLiteLog.Configuration>] = [
            .init("path") { $0.path = "" },
            .init("busyTimeout") { $0.busyTimeout = .seconds(-1) },
            .init("busyTimeout") { $0.busyTimeout = .seconds(86_401) },
            .init("settlementInterval") { $0.settlementInterval = .seconds(-1) },
            .init("leaseDuration") { $0.leaseDuration = .milliseconds(99) },
            .init("leaseDuration") { $0.leaseDuration = .seconds(86_401) },
            .init("pollInterval") { $0.pollInterval = .zero },
            .init("retention.age") { $0.retention.age = .zero },
            .init("retention.size") { $0.retention.size = 0 },
            .init("retention.interval") { $0.retention.interval = .milliseconds(9) },
            .init("retention.idleGroup") { $0.retention.idleGroup = .zero },
            .init("retention.clockProbation") { $0.retention.clockProbation = .seconds(-1) },
            .init("retention.topics[t].age") { $0.retention.topics["t"] = .init(age: .zero) },
            .init("retention.topics[t].size") { $0.retention.topics["t"] = .init(size: 0) },
        ]
        #expect(
            WrongValue.problems(
                with: wrong, in: .init(path: directory.path + "/log.sqlite"), of: "SQLiteLog",
                free: ["clock", "observe"]
            ) {
                _ = try SQLiteLog.open($0)
            } == [])
    }

    @Test func aSubscriberIsRefusedWhereItIsConfigured() async throws {
        let directory = try TemporaryDirectory()
        let log = try SQLiteLog.open(.init(path: directory.path + "/log.sqlite"))
        let wrong: [WrongValue<SQLiteSubscriber.Configuration>] = [
            .init("capacity") { $0.capacity = 0 }, .init("maxInFlight") { $0.maxInFlight = 0 },
            .init("gathering") { $0.gathering = .seconds(-1) },
        ]
        #expect(
            WrongValue.problems(with: wrong, in: .init(), of: "SQLiteSubscriber", free: ["start"]) {
                _ = try log.subscriber(group: "g", configuration: $0)
            } == [])
        await log.close()
    }
}
