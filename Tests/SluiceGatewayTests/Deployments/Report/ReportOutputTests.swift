import Foundation
import GatewayTestSupport
import Sluice
import SluiceTesting
import Testing

@testable import SluiceGateway

/// What comes from outside is data in every format.
struct ReportOutputTests {
    private static let evil = "=HYPERLINK(\"http://evil.example\")<script>alert(1)</script>,\"'&"
    private static let start: Int64 = 1_767_225_600_000

    private static func time(_ hours: Int64) -> Timestamp {
        Timestamp(millisecondsSince1970: start + hours * 3_600_000)
    }

    private static func hash(_ digit: Character) -> String { String(repeating: digit, count: 40) }

    /// Two deployments, the second of which rolled nothing back and failed by an incident.
    private static func facts(_ name: String = evil, url: String? = nil) -> [Fact] {
        [
            .push(
                PushFact(
                    repository: name, ref: "refs/heads/main", before: nil, after: hash("a"), pushedAt: time(1),
                    commits: [.init(id: hash("a"), author: name, madeAt: time(0), title: name)])),
            .deployment(
                DeploymentFact(
                    id: "1", service: name, environment: "production", commit: hash("a"), finishedAt: time(2),
                    succeeded: true, repository: name)),
            .push(
                PushFact(
                    repository: name, ref: "refs/heads/main", before: hash("a"), after: hash("b"), pushedAt: time(3),
                    commits: [.init(id: hash("b"), author: name, madeAt: time(2), title: name)])),
            .deployment(
                DeploymentFact(
                    id: "2", service: name, environment: "production", commit: hash("b"), finishedAt: time(4),
                    succeeded: true, repository: name, version: name, url: url)),
            .deployment(
                DeploymentFact(
                    id: "3", service: name, environment: "staging", commit: hash("b"), finishedAt: time(4),
                    succeeded: false, repository: name, version: name, url: url)),
            .deployment(
                DeploymentFact(
                    id: "4", service: name, environment: "staging", commit: hash("b"), finishedAt: time(5),
                    succeeded: true, repository: name)),
            .incident(IncidentFact(id: name, service: name, openedAt: time(5), resolvedAt: time(6))),
        ]
    }

    private func lines(_ facts: [Fact]) -> ReportTool.Origin {
        let bytes = Array(facts.map(FactLine.write).joined(separator: [UInt8(ascii: "\n")]))
        let parts = LinesOnce(bytes)
        return .lines { parts.next() }
    }

    private func text(
        _ format: ReportTool.Format, _ facts: [Fact] = facts(), commits: Bool = false
    ) async throws -> String {
        var tool = ReportTool()
        tool.format = format
        tool.since = Self.time(0)
        tool.until = Self.time(48)
        tool.listsCommits = commits
        return String(decoding: try await tool.run(lines(facts), now: Self.time(48)), as: UTF8.self)
    }

    @Test(arguments: [false, true])
    func thePageHasNoMarkupFromOutside(_ commits: Bool) async throws {
        let page = try await text(.html, commits: commits)
        #expect(!page.contains("<script"))
        #expect(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"))
        // Nothing leaves an attribute, either.
        #expect(!page.contains("HYPERLINK(\""))
    }

    @Test func thePageAsksForNothing() async throws {
        let page = try await text(.html, Self.facts("shop", url: "https://ci.example.org/2"))
        #expect(page.contains("<a href=\"https://ci.example.org/2\" rel=\"noopener noreferrer\">"))
        let rest = page.replacing("<a href=", with: "")
        for word in ["src=", "href=", "url(", "@import", "<script", "<link", "<img", "<iframe"] {
            #expect(!rest.contains(word), "\(word)")
        }
        #expect(page.contains("default-src 'none'; style-src 'unsafe-inline'"))
    }

    @Test func aLinkIsOfTheWebOrNone() async throws {
        #expect(HTMLText.link("2", "javascript:alert(1)") == "2")
        #expect(
            HTMLText.link("2", "https://a.example/\"onclick=\"")
                == "<a href=\"https://a.example/&quot;onclick=&quot;\" rel=\"noopener noreferrer\">2</a>")
        let page = try await text(.html, Self.facts("shop", url: "javascript:alert(1)"))
        #expect(!page.contains("javascript"))
    }

    @Test(arguments: [false, true])
    func noCellIsAFormula(_ commits: Bool) async throws {
        let csv = try await text(.csv, commits: commits)
        // As a spreadsheet reads it.
        for row in Self.rows(csv) {
            for cell in row where !cell.isEmpty && Double(cell) == nil {
                #expect(!"=+-@\t\r".contains(cell.first ?? "a"), "\(cell)")
            }
        }
        #expect(Self.rows(csv).joined().contains("'" + Self.evil))
        #expect(Set(Self.rows(csv).map(\.count)).count == 1)
    }

    private static func rows(_ text: String) -> [[String]] {
        var (rows, row, cell, isQuoted): ([[String]], [String], String, Bool) = ([], [], "", false)
        // "\r\n" is one character.
        for character in text {
            switch character {
            case "\"": isQuoted.toggle()
            case "," where !isQuoted:
                row.append(cell)
                cell = ""
            case "\r\n" where !isQuoted:
                rows.append(row + [cell])
                (row, cell) = ([], "")
            default: cell.append(character)
            }
        }
        // Quotes within quotes are two, which this reader drops; they are no matter here.
        return rows.map { $0.map { $0.replacing(evil.replacing("\"", with: ""), with: evil) } }
    }

    @Test func theTerminalGetsNothingThatMovesItsCursor() throws {
        var history = DeploymentHistory()
        for fact in Self.facts("shop\u{1B}[2J\u{202E}") { history.add(fact) }
        var query = DeploymentReport.Query(period: .init(from: Self.time(0), to: Self.time(48)), now: Self.time(48))
        for listsCommits in [false, true] {
            query.listsCommits = listsCommits
            let report = history.report(query)
            let texts = [
                try Written.text(ReportTable(report).write), try ReportPage(report).text(),
                try Written.text(ReportCSV(report).write),
            ]
            for text in texts {
                #expect(text.contains("shop"))
                #expect(!text.contains("\u{1B}"))
                #expect(!text.contains("\u{202E}"))
            }
        }
    }

    @Test func theJSONHasWhatTheDocumentSays() async throws {
        let json = try await text(.json, Self.facts("shop"), commits: true)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
        #expect(object["version"] as? Int == 1)
        let document = try String(contentsOf: Repository.file("docs/REPORT.md"), encoding: .utf8)
        for name in Self.names(object) {
            #expect(document.contains("`\(name)`"), "docs/REPORT.md does not name \(name)")
        }
    }

    /// Every member's name, however deep; what counts by words has no names of its own.
    private static func names(_ value: Any) -> Set<String> {
        if let list = value as? [Any] { return list.reduce(into: []) { $0.formUnion(names($1)) } }
        guard let object = value as? [String: Any] else { return [] }
        return object.reduce(into: []) { names, member in
            names.insert(member.key)
            if !["kinds", "rules", "unknown"].contains(member.key) { names.formUnion(Self.names(member.value)) }
        }
    }

    @Test func namesTheLineThatIsNoFact() async throws {
        let bytes = FactLine.write(Self.facts("shop")[0]) + Array("\n\n{\"fact_type\":\"push\"}\n".utf8)
        let once = LinesOnce(bytes)
        let error = await #expect(throws: ToolError.self) {
            _ = try await ReportTool().run(.lines { once.next() })
        }
        #expect(error?.description == "line 3: the fact's pushed_at is not a time")
        #expect(error?.exitStatus == ExitStatus.faultyFile)
    }

    @Test func saysWhereNoDataIs() async throws {
        let directory = try TemporaryDirectory()
        let error = await #expect(throws: ToolError.self) {
            _ = try await ReportTool().run(.directory(directory.path))
        }
        #expect(error?.exitStatus == ExitStatus.noGateway)
    }

    @Test func aLineIsReadAsItWasWritten() throws {
        for fact in Self.facts("shop", url: "https://ci.example.org/2") {
            #expect(try FactLine.read(FactLine.write(fact)) == fact)
        }
    }

    @Test(arguments: [
        ("2026-01-02", "2026-01-02T00:00:00.000Z"), ("2026-01-02T03:04:05+01:00", "2026-01-02T02:04:05.000Z"),
        ("2d", "2025-12-31T00:00:00.000Z"), ("1h30m", "2026-01-01T22:30:00.000Z"),
    ])
    func readsMoments(_ text: String, _ expected: String) throws {
        let end = try #require(RFC3339.parse("2026-01-02T00:00:00Z"))
        #expect(MomentText.parse(text, now: end).map(RFC3339.format) == expected)
    }

    @Test(arguments: ["", "yesterday", "0", "-2d", "2026-13-01", "2d3w"])
    func refusesWhatIsNoMoment(_ text: String) {
        #expect(MomentText.parse(text, now: Timestamp(millisecondsSince1970: 0)) == nil)
    }
}
