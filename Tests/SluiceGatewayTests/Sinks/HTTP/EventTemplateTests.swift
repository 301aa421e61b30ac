import Foundation
import Sluice
import SluiceTesting
import Testing

@testable import SluiceGateway

/// What a template gives, and what it is refused for.
struct EventTemplateTests {
    private func render(
        _ text: String, as format: TemplateFormat = .json, _ delivery: SinkDelivery = HTTPSinkFixture.push(),
        atMost limit: Int = 1 << 20
    ) throws -> String {
        try EventTemplate(text, as: format).render(delivery, atMost: limit)
    }

    private func fault(_ text: String, as format: TemplateFormat = .json) -> String {
        do {
            _ = try EventTemplate(text, as: format)
            return "none"
        } catch {
            return error.description.replacing(" of the template", with: "")
        }
    }

    @Test func everyFieldOfAPushIsThere() throws {
        let names = TemplateField.all.flatMap(\.names).filter { $0 != "environment" && $0 != "env" && $0 != "service" }
        let text = names.map { "\($0)={{\($0)}}" }.joined(separator: "\n")
        let lines = try render(text, as: .text, HTTPSinkFixture.push(message: "Fix")).split(separator: "\n")
        #expect(
            lines == [
                "kind=commitPushed", "commitPushed=true", "commitDeployed=false", "deploymentFailed=false",
                "incidentOpened=false", "incidentResolved=false",
                "eventId=\(HTTPSinkFixture.push().id)"[...],
                "text=Commit 6113728 pushed to acme/shop (main) by ann: Fix",
                "id=6113728f27ae82c7b1a177c8d03f9e96e0adf246", "shortId=6113728", "repository=acme/shop",
                "message=Fix", "title=Fix", "author=ann", "ref=refs/heads/main", "branch=main",
                "url=https://git.example.org/c/1", "time=2026-01-02T03:04:05.678Z",
                "occurred_on=2026-01-02T03:04:05.678Z", "unixMs=1767323045678", "unix=1767323045",
            ])
    }

    @Test func everyFieldOfADeploymentIsThere() throws {
        let text = "{{kind}} {{environment}} {{env}} {{service}} {{repository}} {{message}}{{author}}{{url}}{{text}}"
        #expect(
            try render(text, as: .text, HTTPSinkFixture.failed())
                == "deploymentFailed production production web acme/shop Commit 6113728 failed to deploy to production (web, acme/shop)"
        )
    }

    @Test func sectionsAreWrittenForWhatIsThere() throws {
        let text = """
            {{#commitPushed}}P{{#url}} at {{.}}{{/url}}{{^url}} nowhere{{/url}}{{/commitPushed}}
            {{^commitPushed}}D{{#service}} of {{firstLine(.)}} in {{environment}}{{/service}}{{/commitPushed}}
            """
        func lines(_ delivery: SinkDelivery) throws -> String {
            try render(text, as: .text, delivery).filter { $0 != "\n" }
        }
        #expect(try lines(HTTPSinkFixture.push()) == "P at https://git.example.org/c/1")
        #expect(try lines(HTTPSinkFixture.push(url: nil)) == "P nowhere")
        #expect(try lines(HTTPSinkFixture.deployed()) == "D of web in production")
        #expect(try lines(HTTPSinkFixture.deployed(service: nil)) == "D")
    }

    @Test func filtersChangeTextsBeforeTheyAreWritten() throws {
        let push = HTTPSinkFixture.push(message: "Größe \"x\"\nmore")
        #expect(
            try render("{{uppercased(title)}} {{lowercased(title)}}", as: .text, push) == "GRÖSSE \"X\" größe \"x\"")
        #expect(try render("{{firstLine(message)}}|{{first7(message)}}", as: .text, push) == "Größe \"x\"|Größe \"")
        #expect(try render("\"{{first7(message)}}\"", push) == #""Größe \"""#)
        #expect(try render("\"{{uppercased(first7(message))}}\"", push) == #""GRÖSSE \"""#)
        #expect(try render("\"?q={{percentEncoded(title)}}\"", push) == "\"?q=Gr%C3%B6%C3%9Fe%20%22x%22\"")
    }

    static let awkward = [
        "\"", "\\", "\\\"", "\"}", "\",\"admin\":true,\"x\":\"", "a\nb\r\nc\td", "\u{0}\u{1}\u{1F}\u{7F}", "\u{2028}",
        "\u{2029}x\u{2028}", "\u{202E}gnp.exe", "\u{200F}\u{2066}", "👩‍👩‍👧‍👦🚀", "{{id}}", "}}}", "{{{message}}}",
        "x\u{FEFF}y",
        "\u{301}\"",
        "\u{FFFD}", "</script>", "&quot;", "\\u0022", "%22", "e\u{301}", "\u{85}\u{A0}",
    ]

    @Test(arguments: awkward)
    func aValueNeverLeavesTheStringThatItStandsIn(_ value: String) throws {
        for tag in ["{{message}}", "{{{message}}}", "{{&message}}", "{{ message }}", "{{#message}}{{.}}{{/message}}"] {
            let text = try render("{\"a\": \"\(tag)\", \"b\": 1}", HTTPSinkFixture.push(message: value))
            let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
            #expect(
                (object?["a"] as? String)?.unicodeScalars.elementsEqual(value.unicodeScalars) == true, "\(tag): \(text)"
            )
            #expect(object?.count == 2)
            #expect(!text.unicodeScalars.contains("\u{2028}") && !text.unicodeScalars.contains("\u{2029}"))
        }
    }

    @Test(arguments: awkward)
    func otherFormatsEscapeInTheirOwnWay(_ value: String) throws {
        let push = HTTPSinkFixture.push(message: value)
        let form = try render("a={{{message}}}&b=1", as: .form, push)
        #expect(form.hasPrefix("a=") && form.hasSuffix("&b=1") && form.utf8.count { $0 == UInt8(ascii: "&") } == 1)
        #expect(
            String(form.dropFirst(2).dropLast(4)).removingPercentEncoding?.unicodeScalars.elementsEqual(
                value.unicodeScalars) == true)
        let markup = try render("<a b=\"{{{message}}}\" c='{{&message}}'/>", as: .markup, push)
        #expect(markup.utf8.count { $0 == UInt8(ascii: "<") } == 1)
        #expect(markup.utf8.count { $0 == UInt8(ascii: "\"") } == 2)
        #expect(markup.utf8.count { $0 == UInt8(ascii: "'") } == 2)
        #expect(try render("{{message}}", as: .text, push).unicodeScalars.elementsEqual(value.unicodeScalars))
    }

    @Test(arguments: [
        ("{\"a\": \"{{mesage}}\"}", "line 1, column 8: there is no field mesage: was message meant?"),
        ("{\n  \"a\": \"{{#url}}x\"\n}", "line 2, column 9: the section url is not closed"),
        ("{\n \"a\": \"{{#url}}x{{/ref}}\"}", "line 2, column 17: expected the end of the section url of line 2"),
        ("\"{{/url}}\"", "line 1, column 2: no section is open that url could close"),
        ("\"{{message\"", "line 1, column 2: expected a name and }} behind {{"),
        ("\"{{}}\"", "line 1, column 2: expected a name and }} behind {{"),
        ("\"{{{message}}\"", "line 1, column 2: expected }}} at the end of the tag"),
        ("\"{{message.x}}\"", "line 1, column 2: there is no field message.x: was message meant?"),
        ("\"{{> other}}\"", "line 1, column 2: partials and inheritance are not taken"),
        ("\"{{< other}}{{/other}}\"", "line 1, column 2: partials and inheritance are not taken"),
        ("\"{{$ block}}\"", "line 1, column 2: partials and inheritance are not taken"),
        ("{{=<% %>=}}{}", "line 1, column 1: delimiters and pragmas cannot be changed"),
        ("{{% CONTENT_TYPE:HTML}}{}", "line 1, column 1: delimiters and pragmas cannot be changed"),
        ("\n\n  \"{{! open", "line 3, column 4: the comment has no end"),
        (
            "{\"a\": {{message}}}",
            "line 1, column 7: a text outside of quotes in a body of JSON: expected \"{{message}}\""
        ),
        (
            "{\"a\": {{#url}}{{.}}{{/url}}}",
            "line 1, column 15: a text outside of quotes in a body of JSON: expected \"{{.}}\""
        ),
        ("\"{{.}}\"", "line 1, column 2: {{.}} is the value of the section around it: there is none"),
        (
            "\"{{#commitPushed}}{{.}}{{/commitPushed}}\"",
            "line 1, column 19: {{.}} is the value of the section around it: there is none"
        ),
        ("\"\\{{message}}\"", "line 1, column 3: a backslash in front of a tag"),
        ("\"\\{{#url}}{{/url}}\"", "line 1, column 3: a backslash in front of a tag"),
        ("{{#url}}\"{{/url}}\"", "line 1, column 10: a section of JSON has to close the quotes that it opens"),
        ("{{#unix}}1{{/unix}}", "line 1, column 1: unix is a number and no section"),
        ("\"{{shout(message)}}\"", "line 1, column 2: there is no filter shout"),
        ("\"{{uppercase(message)}}\"", "line 1, column 2: there is no filter uppercase: was uppercased meant?"),
        ("\"{{uppercased(unix)}}\"", "line 1, column 2: filters are for texts"),
        (
            "{\"a\": 1,}",
            "line 1, column 9: it is no JSON for an event of the kind commitPushed: expected a name in quotes"
        ),
        (
            "{\n  \"a\": 1{{#service}},\n  \"b\": \"{{service}}\",{{/service}}\n}",
            "line 4, column 1: it is no JSON for an event of the kind commitDeployed: expected a name in quotes"
        ),
        (
            "{\"a\": {{#url}}1{{/url}}{{#service}}2{{/service}}}",
            "line 1, column 49: it is no JSON for an event of the kind commitPushed with the fewest fields: expected a value"
        ),
    ])
    func aFaultNamesLineAndColumn(_ text: String, _ expected: String) {
        #expect(fault(text) == expected)
    }

    /// Only sinks get incidents that ask for them: others may have templates that know nothing of them.
    @Test func incidentsAreTriedForSinksThatAskForThem() {
        let body = "{\"a\": {{#commitPushed}}1{{/commitPushed}}{{#environment}}2{{/environment}}}"
        func sink(_ body: String, _ kinds: Set<Event.Kind>) -> ConfiguredSink {
            var sink = ConfiguredSink("hook", HTTPSinkOptions(url: Secret("https://x.example"), body: body))
            sink.only = EventFilter([.init(event: kinds)])
            return sink
        }
        #expect([sink(body, [.commitPushed])].problems.isEmpty)
        #expect(
            [sink(body, [.commitPushed, .incidentOpened])].problems.map(\.field) == ["sinks.hook.body"])
        #expect([sink("{\"a\": \"{{service}}\"}", [.incidentOpened])].problems.isEmpty)
        let opening = "{\"a\": {{#incidentOpened}}1{{/incidentOpened}}{{^incidentOpened}}2{{/incidentOpened}}}"
        #expect([sink(opening, [.incidentOpened])].problems.isEmpty)
    }

    @Test func whatWouldTakeTheCompilerLongIsRefused() {
        #expect(fault(String(repeating: "x", count: 65_537), as: .text) == "line 1, column 1: expected at most 64 KiB")
        #expect(
            fault(String(repeating: "{ ", count: 2_001), as: .text)
                == "line 1, column 1: expected at most 2000 opening braces")
        let deep = String(repeating: "{{#url}}", count: 33) + String(repeating: "{{/url}}", count: 33)
        #expect(fault(deep, as: .text) == "line 1, column 257: expected at most 32 sections in one another")
        #expect(
            fault("{{" + String(repeating: "a", count: 101) + "}}", as: .text)
                == "line 1, column 1: the name is too long")
        #expect(fault("a {", as: .text) == "line 1, column 3: a { at the end")
    }

    @Test func theSizeOfWhatATemplateGivesIsBounded() throws {
        let long = HTTPSinkFixture.push(message: String(repeating: "\u{1}", count: 60_000))
        let text = "[" + Array(repeating: "\"{{message}}\"", count: 900).joined(separator: ",") + "]"
        let template = try EventTemplate(text, as: .json)
        let took = ContinuousClock().measure {
            #expect(throws: TemplateFailure.tooLarge) { try template.render(long, atMost: 256 << 10) }
        }
        #expect(took < .seconds(5 * Sanitizing.slowdown))
        #expect(try render("\"{{message}}\"", HTTPSinkFixture.push(message: "1234"), atMost: 6) == "\"1234\"")
        #expect(throws: TemplateFailure.tooLarge) {
            try render("\"{{message}}\"", HTTPSinkFixture.push(message: "12345"), atMost: 6)
        }
    }

    @Test func printingATemplateShowsNothingOfIt() throws {
        let template = try EventTemplate("hunter2 {{id}}", as: .text)
        var text = "\(template) \(String(reflecting: template)) "
        dump(template, to: &text)
        #expect(!text.contains("hunter2"))
    }

    /// Pieces of templates and of JSON put together at random: whatever the event has, what stands outside of strings is the same.
    @Test func noTemplateThatIsTakenLetsAValueOutOfItsString() throws {
        var generator = SeededGenerator(seed: 7)
        let pieces = [
            "{", "}", "[", "]", "\"", ",", ":", "\\", "1", "x", "\n", " ", "{{", "}}", "{{{", "}}}", "{{message}}",
            "\"{{message}}\"", "{{{author}}}", "{{unix}}", "{{#url}}", "{{/url}}", "{{^url}}", "{{#commitPushed}}",
            "{{/commitPushed}}", "{{.}}", "{{! }}", "{{&text}}", "\"a\":", "null", "\u{301}", "é",
            "{{first3(message)}}",
            "\"a\":\"{{text}}\"", "{\"a\":\"", "\"}", "\\\"", "\\u00",
        ]
        // Those that matter most, so that they come together often.
        let few = ["\"", "\\", "{{message}}", "{{#url}}", "{{/url}}", "a", "{\"a\":", "}"]
        var compiled = 0
        for round in 0..<20_000 {
            let text = (0..<Int.random(in: 1...9, using: &generator)).map { _ in
                (round % 2 == 0 ? pieces : few).randomElement(using: &generator) ?? ""
            }.joined()
            guard let template = try? EventTemplate(text, as: .json) else { continue }
            compiled += 1
            let skeletons = try ["a", "\"", "\\", "", "\",\"x\":\"", "\\\"", "\n\u{2028}"].map { value in
                skeleton(try template.render(HTTPSinkFixture.push(message: value, author: value), atMost: 10_000))
            }
            #expect(Set(skeletons).count == 1, "\(text)")
        }
        #expect(compiled > 200)
    }

    /// JSON without what is in its strings.
    private func skeleton(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        var (isInString, isEscaped) = (false, false)
        for scalar in text.unicodeScalars {
            if isEscaped {
                isEscaped = false
            } else if isInString, scalar == "\\" {
                isEscaped = true
            } else if scalar == "\"" {
                isInString.toggle()
                result.append(scalar)
            } else if !isInString {
                result.append(scalar)
            }
        }
        return String(result)
    }
}
