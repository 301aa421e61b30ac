import Foundation
import GRDB
import GatewayTestSupport
import Logging
import Sluice
import SluiceTesting
import Testing

@testable import SluiceGateway

/// Times and numbers at the limits of what 64 bits hold, wherever the gateway takes one from outside.
struct TimesFromOutsideTests {
    static let limits: [Int64] = [.min, .min + 1, -62_135_596_800_001, -1, 0, 253_402_300_800_000, .max - 1, .max]

    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private static func events(at time: Timestamp) -> [Event] {
        let deployment = Deployment(
            id: "feed1234", env: "production", occurredOn: time, service: "s", repository: "o/r")
        return [
            .commitPushed(CommitPushed(id: "feed1234", message: "m", author: "a", occurredOn: time, repository: "o/r")),
            .commitDeployed(deployment), .deploymentFailed(deployment),
        ]
    }

    @Test(arguments: limits)
    func everySinkCanWriteAnEventOfAnyTime(_ milliseconds: Int64) throws {
        let time = Timestamp(millisecondsSince1970: milliseconds)
        #expect(RFC3339.parse(RFC3339.format(time)) != nil)
        for event in Self.events(at: time) {
            let message = event.message()
            #expect(try Event(message).commit == event.commit)
            #expect(!GrafanaAnnotation.body(for: event, id: message.id).isEmpty)
            #expect(!SlackMessage.body(for: event).isEmpty)
            #expect(ConsoleLine.text(of: event).contains("feed1234"))
        }
    }

    /// A record's CreateTime is what its producer says.
    @Test(arguments: limits, limits)
    func whatTheQueueSaysOfATimeIsBelievedOnlyWhereItCanBe(_ stated: Int64, _ clock: Int64) {
        let (time, now) = (Timestamp(millisecondsSince1970: stated), Timestamp(millisecondsSince1970: clock))
        var origin = Delivery.Origin()
        origin.timestamp = time
        let receipt = EventTime.receipt(origin, now: now)
        #expect(receipt == now || receipt == time && EventTime.isPlausible(time, at: now))
        for delay in [Duration.zero, .seconds(30 * 86_400), .seconds(Int64.max)] {
            _ = min(receipt, now).advanced(by: delay).milliseconds(since: now)
        }
    }

    @Test(arguments: limits)
    func theLedgerTakesEventsOfAnyTimeAtAnyTime(_ milliseconds: Int64) async throws {
        let directory = try TemporaryDirectory()
        let ledger = try DeploymentLedger(path: directory.path + "/deployments.sqlite", logger: logger)
        let meter = DeploymentMeter(Instruments())
        for heard in Self.limits {
            for event in Self.events(at: Timestamp(millisecondsSince1970: milliseconds)) {
                let id = MessageID("\(event.kind) \(heard)")
                let receipt = Timestamp(millisecondsSince1970: heard)
                let entry = try await ledger.record(event, id: id, receivedAt: receipt)
                if let entry, case .commitDeployed(let deployment) = event { meter.count(deployment, entry) }
            }
            try await ledger.learn(
                Self.events(at: Timestamp(millisecondsSince1970: milliseconds)).map { ($0, $0.messageID) })
        }
        for latest in try await ledger.latest(limit: 10) { meter.restore(latest) }
        for retention in [Duration.seconds(1), .seconds(Int64.max)] {
            let keeper = LedgerKeeper(ledger: ledger, retention: retention, isDoubted: { false }, logger: logger)
            for now in Self.limits { await keeper.forget(at: Timestamp(millisecondsSince1970: now)) }
        }
    }

    /// A person may edit the file with `sqlite3`.
    @Test(arguments: ["\(Int64.min)", "-1", "\(Int64.max)", "1e300", "'x'", "x'ff'"])
    func anyValueInTheLedgersFileIsPassedOver(_ value: String) async throws {
        let columns = [
            ("pushes", "pushed_at"), ("pushes", "received_at"), ("deployments", "deployed_at"),
            ("deployments", "succeeded"), ("deployments", "plausible"), ("deployments", "received_at"),
            ("deployments", "service"), ("forgotten", "before"),
        ]
        for (table, column) in columns {
            let directory = try TemporaryDirectory()
            let path = directory.path + "/deployments.sqlite"
            let first = try DeploymentLedger(path: path, logger: logger)
            let now = Timestamp.now()
            for event in Self.events(at: now) {
                _ = try await first.record(event, id: event.messageID, receivedAt: now)
            }
            _ = try await first.forget(before: Timestamp(millisecondsSince1970: 1))
            try await first.perform { database in
                try database.execute(sql: "INSERT OR IGNORE INTO forgotten VALUES (1, 5)")
                try database.execute(sql: "UPDATE \(table) SET \(column) = \(value)")
            }
            let ledger = try DeploymentLedger(path: path, logger: logger)
            let meter = DeploymentMeter(Instruments())
            // Each may fail: a file that is wrong is set aside, or its route holds.
            if let latest = try? await ledger.latest(limit: 10) { for place in latest { meter.restore(place) } }
            for event in Self.events(at: now.advanced(by: .seconds(5))) {
                _ = try? await ledger.record(event, id: MessageID(), receivedAt: now)
            }
            for time in Self.limits { _ = try? await ledger.forget(before: Timestamp(millisecondsSince1970: time)) }
        }
    }
}
