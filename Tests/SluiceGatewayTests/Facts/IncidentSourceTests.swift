import Foundation
import Sluice
import Testing

@testable import SluiceGateway

struct IncidentSourceTests {
    private static let receipt = Timestamp(millisecondsSince1970: 1_796_000_000_000)

    private func read(
        _ body: String, label: String = "service"
    ) throws -> (incidents: [IncidentFact], gaps: [AlertmanagerSource.Gap]) {
        var gaps: [AlertmanagerSource.Gap] = []
        let source = AlertmanagerSource(serviceLabel: label)
        let incidents = try source.incidents(
            of: Message(payload: Array(body.utf8)), receivedAt: Self.receipt, leftOut: { gaps.append($0) })
        return (incidents, gaps)
    }

    private func alert(
        status: String = "firing", service: String = "web", starts: String = "2026-11-23T04:30:12.59136051Z",
        ends: String = "0001-01-01T00:00:00Z", fingerprint: String = "abafa6153fcd1808"
    ) -> String {
        """
        {"status":"\(status)","labels":{"alertname":"Down","service":"\(service)","severity":"page"},"annotations":{},
         "startsAt":"\(starts)","endsAt":"\(ends)","generatorURL":"http://p/graph","fingerprint":"\(fingerprint)"}
        """
    }

    private func webhook(_ alerts: String...) -> String {
        """
        {"receiver":"gw","status":"firing","alerts":[\(alerts.joined(separator: ","))],"groupLabels":{},
         "commonLabels":{},"commonAnnotations":{},"externalURL":"http://a","version":"4","groupKey":"{}:{}",
         "truncatedAlerts":0}
        """
    }

    @Test func anAlertThatFiresOpensAnIncidentAndItsEndClosesTheSame() throws {
        let opened = try #require(try read(webhook(alert())).incidents.first)
        #expect(opened.service == "web" && opened.resolvedAt == nil)
        #expect(opened.openedAt == Timestamp(millisecondsSince1970: 1_795_408_212_591))
        let closed = try #require(
            try read(webhook(alert(status: "resolved", ends: "2026-11-23T04:31:00Z"))).incidents.first)
        #expect(closed.id == opened.id && closed.openedAt == opened.openedAt)
        #expect(closed.resolvedAt == RFC3339.parse("2026-11-23T04:31:00Z"))
        // The same alert at another time is another incident.
        let later = try #require(try read(webhook(alert(starts: "2026-11-24T04:30:12Z"))).incidents.first)
        #expect(later.id != opened.id)
    }

    @Test func timesThatAreNotBelievedAreThoseOfTheReceipt() throws {
        let opened = try #require(try read(webhook(alert(starts: "1970-01-01T00:00:00Z"))).incidents.first)
        #expect(opened.openedAt == Self.receipt)
        let closed = try #require(try read(webhook(alert(status: "resolved"))).incidents.first)
        #expect(closed.resolvedAt == Self.receipt)
        // A clock that goes backwards makes no negative time.
        let odd = try #require(
            try read(webhook(alert(status: "resolved", ends: "2026-11-23T04:30:00Z"))).incidents.first)
        #expect(odd.resolvedAt == odd.openedAt)
    }

    @Test func eachAlertIsForItself() throws {
        let (incidents, gaps) = try read(
            webhook(
                alert(), alert(service: ""), alert(fingerprint: ""), alert(status: "odd"), "7",
                alert(status: "resolved", fingerprint: "b3a66d662f088d54")))
        #expect(incidents.count == 2 && incidents.map { $0.resolvedAt == nil } == [true, false])
        #expect(gaps == [.noService, .unreadable, .unreadable, .unreadable])
    }

    @Test func moreAlertsThanItTakesAreCounted() throws {
        let alerts = (0..<4_100).map { alert(fingerprint: "f\($0)") }.joined(separator: ",")
        let (incidents, gaps) = try read(webhook(alerts))
        #expect(incidents.count == 4_096 && gaps == [.tooMany, .tooMany, .tooMany, .tooMany])
    }

    @Test(arguments: ["", "{", "[]", "{}", #"{"alerts":null}"#, #"{"alerts":{}}"#])
    func whatIsNoWebhookOfAlertmanagersIsRefused(_ body: String) throws {
        let error = #expect(throws: SourceError.self) { try read(body) }
        #expect(try #require(error).disposition.isPermanent)
    }

    /// Bodies that Alertmanager 0.25 sent; their alerts name what they are about by `handler_name`.
    @Test(.enabled(if: IncidentSourceTests.captured != nil))
    func whatAlertmanagerSendsIsUnderstood() throws {
        let folder = try #require(Self.captured)
        func body(_ file: String) throws -> String { try String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8) }
        let firing = try read(body("1-firing.json"), label: "handler_name")
        let resolved = try read(body("2-resolved.json"), label: "handler_name")
        #expect(firing.incidents.map(\.service) == ["kafka-to-grafana", "kafka-to-slack"] && firing.gaps.isEmpty)
        #expect(firing.incidents.map(\.id) == resolved.incidents.map(\.id))
        #expect(resolved.incidents.allSatisfy { $0.resolvedAt == RFC3339.parse("2026-11-23T04:30:15Z") })
        #expect(try read(body("1-firing.json")).gaps == [.noService, .noService])
    }

    private static let captured = ProcessInfo.processInfo.environment["SLUICE_PAYLOADS"].flatMap {
        FileManager.default.fileExists(atPath: "\($0)/alertmanager/1-firing.json") ? "\($0)/alertmanager" : nil
    }

    // MARK: Other tools

    private func incident(_ body: String) throws -> IncidentFact {
        try IncidentsSource.read(Message(payload: Array(body.utf8)), receivedAt: Self.receipt)
    }

    @Test func anIncidentHasItsTimesTogetherOrApart() throws {
        let (opened, resolved) = (FactFixtures.time(1), FactFixtures.time(2))
        #expect(
            try incident(#"{"id":"i","service":"web","opened":"2026-01-01T01:00:00Z","resolved":1767232800}"#)
                == IncidentFact(id: "i", service: "web", openedAt: opened, resolvedAt: resolved))
        #expect(
            try incident(#"{"id":7,"service":"web","opened":"2026-01-01T01:00:00Z","resolved":null,"more":[1]}"#)
                == IncidentFact(id: "7", service: "web", openedAt: opened, resolvedAt: nil))
        #expect(
            try incident(#"{"id":"i","service":"web","resolved":"2026-01-01T02:00:00Z"}"#)
                == IncidentFact(id: "i", service: "web", openedAt: nil, resolvedAt: resolved))
    }

    @Test(arguments: [
        ("", "the body"), ("[]", "the body"), ("{}", "id"), (#"{"id":"","service":"s","opened":1767225600}"#, "id"),
        (#"{"id":"i","opened":1767225600}"#, "service"), (#"{"id":"i","service":"s"}"#, "neither"),
        (#"{"id":"i","service":"s","opened":"soon"}"#, "opened"), (#"{"id":"i","service":"s","opened":0}"#, "opened"),
        (#"{"id":"i","service":"s","resolved":"9999-01-01T00:00:00Z"}"#, "resolved"),
        (#"{"id":"i","service":"s","opened":1767225601,"resolved":1767225600}"#, "resolved is before"),
    ])
    func whatIsNoIncidentIsRefusedWithItsField(_ body: String, _ start: String) throws {
        let error = #expect(throws: SourceError.self) { try incident(body) }
        #expect(try #require(error).description.hasPrefix(start))
    }
}
