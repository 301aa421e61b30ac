import Foundation
import Sluice
import Testing

@testable import SluiceGateway

struct SnapshotTests {
    @Test func whatIsWrittenIsReadAgain() throws {
        var snapshot = StubSnapshot.shut()
        snapshot.deployments = [
            .init(
                service: "shop", environment: "staging", commit: "6113728f27ae82c7b1a177c8d03f9e96e0adf246",
                time: StubSnapshot.time, succeeded: true, isInProduction: false)
        ]
        snapshot.poison.causes = [.init(route: "log-to-slack", reason: "http_400", count: 2)]
        snapshot.destinations[0].amplification = .infinity
        #expect(try Snapshot(json: snapshot.json) == snapshot)
    }

    /// Scripts are written for these names: they stay.
    @Test func membersKeepTheirNames() throws {
        let object = try JSONSerialization.jsonObject(with: Data(StubSnapshot.shut().json)) as? [String: Any]
        let names = Set(object?.keys.map(\.self) ?? [])
        #expect(
            names == [
                "version", "time", "verdict", "build", "sources", "queue", "sinks", "destinations", "poison",
                "deployments", "configuration",
            ])
        let destination = (object?["destinations"] as? [[String: Any]])?.last
        #expect(destination?["shut_by"] as? String == "retry_after")
        #expect(destination?["next_attempt"] as? String == "2026-01-02T03:05:35.678Z")
        let verdict = object?["verdict"] as? [String: Any]
        #expect(verdict?["is_ready"] as? Bool == true && verdict?["level"] as? String == "degraded")
        #expect(object?["version"] as? Int == 1)
    }

    @Test func whatALaterVersionAddsIsPassedOver() throws {
        var text = String(decoding: StubSnapshot.make().json, as: UTF8.self)
        text = text.replacing("\"version\":1", with: "\"version\":1,\"weather\":{\"sunny\":true}")
        text = text.replacing("\"state\":\"idle\"", with: "\"state\":\"dreaming\"")
        let snapshot = try Snapshot(json: Array(text.utf8))
        #expect(snapshot.queue.state.rawValue == "dreaming")
    }

    @Test(arguments: ["", "{}", "[1]", "{\"version\":1}", "no"])
    func whatIsNoSnapshotIsRefused(_ text: String) {
        #expect(throws: DecodingError.self) { try Snapshot(json: Array(text.utf8)) }
    }
}

extension SnapshotTests {
    /// docs/STATUS.md is what scripts are written by.
    @Test func everyMemberIsDocumented() throws {
        let text = try String(contentsOf: Repository.file("docs/STATUS.md"), encoding: .utf8)
        var snapshot = StubSnapshot.shut()
        snapshot.deployments = [
            .init(
                service: "shop", environment: "staging", commit: "6113728", time: StubSnapshot.time, succeeded: true,
                isInProduction: false)
        ]
        snapshot.poison.causes = [.init(route: "log-to-slack", reason: "http_400", count: 2)]
        let object = try JSONSerialization.jsonObject(with: Data(snapshot.json))
        let names = Self.names(object)
        #expect(names.count > 60)
        for name in names { #expect(text.contains("`\(name)`"), "\(name)") }
    }

    private static func names(_ value: Any) -> Set<String> {
        if let object = value as? [String: Any] {
            return object.values.reduce(into: Set(object.keys)) { $0.formUnion(names($1)) }
        }
        return (value as? [Any] ?? []).reduce(into: []) { $0.formUnion(names($1)) }
    }
}
