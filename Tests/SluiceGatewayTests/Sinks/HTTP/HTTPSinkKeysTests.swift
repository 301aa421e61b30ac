import Sluice
import Testing

@testable import SluiceGateway

/// A sink of the kind `http` in a file.
struct HTTPSinkKeysTests {
    private func read(_ text: String) -> (options: HTTPSinkOptions, faults: [String]) {
        var faults = YAMLFaults()
        var options = HTTPSinkOptions()
        if let root = YAMLDocument.read(text, &faults) { HTTPSinkOptions.keys.read(root, into: &options, &faults) }
        return (options, FileFaults(path: "f", faults: faults.all).faults.map(\.description))
    }

    @Test func everyKeyIsRead() {
        let (options, faults) = read(
            """
            url: https://audit.example.org/{{repository}}
            method: PUT
            headers: {Authorization: Bearer hunter2, X-Team: shop}
            body: |
              {"what": "{{text}}"}
            cloudevents: {mode: binary, source: /gateways/1, type_prefix: org.acme.}
            answers: {success: [200, 202], poison: [400], retry: [429, 5xx]}
            allow_private: true
            maximum_body: 1_024
            idempotency_key: false
            """)
        #expect(faults == [])
        #expect(
            options
                == HTTPSinkOptions(
                    url: Secret("https://audit.example.org/{{repository}}"), method: "PUT",
                    headers: ["Authorization": Secret("Bearer hunter2"), "X-Team": Secret("shop")],
                    body: "{\"what\": \"{{text}}\"}\n",
                    cloudEvents: .init(mode: .binary, source: "/gateways/1", typePrefix: "org.acme."),
                    answers: .init(success: [200, 202], poison: [400], retry: [429, "5xx"]),
                    allowsPrivateAddresses: true, maximumBody: 1_024, sendsIdempotencyKey: false))
    }

    @Test func presetsAreRead() {
        #expect(read("{preset: teams, url: 'https://teams.example.org/x'}").options.preset == .teams)
        #expect(read("{preset: discord, url: 'https://discord.com/api/webhooks/1/x'}").faults == [])
        let pagerDuty = read("{preset: pagerduty, routing_key: R0123456789ABCDEF0123456789ABCDE}")
        #expect(pagerDuty.faults == [])
        #expect(pagerDuty.options.routingKey?.reveal() == "R0123456789ABCDEF0123456789ABCDE")
        #expect(
            read("{cloudevents: structured, url: 'https://x.example.org'}").options.cloudEvents?.mode == .structured)
    }

    @Test func whatAPresetAnswersIsKeptWhereNothingElseIsSaid() {
        let (options, faults) = read("{preset: teams, url: 'https://x.example.org', answers: {retry: [500]}}")
        #expect(faults == [])
        #expect(options.answers == .init(success: [202], poison: [400, 413], retry: [500]))
        let rows = HTTPSinkOptions.keys.rows(HTTPSinkOptions(preset: .discord))
        #expect(rows.first { $0.path == ["answers", "success"] }?.standard == "[200, 204]")
    }

    @Test(arguments: [
        ("{}", ["1:1: the key url is missing"]),
        ("method: POST", ["1:1: the key url is missing"]),
        (
            "url: ftp://x.example.org",
            ["1:6: expected an address that begins with https:// or http://, without user, password, or fragment"]
        ),
        (
            "url: https://u:p@x.example.org",
            ["1:6: expected an address that begins with https:// or http://, without user, password, or fragment"]
        ),
        ("url: 'https://x.example.org/{{secret}}'", ["1:6: at character 23: there is no such field"]),
        (
            "url: 'https://x.example.org/../{{service}}'",
            ["1:6: expected an address that begins with https:// or http://, without user, password, or fragment"]
        ),
        (
            "url: 'http://10.0.0.1/{{id}}'",
            ["1:6: the host is not at a public address: expected allow_private beside an address with fields in it"]
        ),
        ("preset: team\nurl: https://x.example.org", ["1:9: expected teams, discord or pagerduty"]),
        (
            "preset: teams\nurl: https://x.example.org\nbody: x",
            ["3:7: the preset teams has a body of its own: leave one of them out"]
        ),
        (
            "preset: teams\ncloudevents: binary\nurl: https://x.example.org",
            ["2:14: the preset teams has a body of its own: leave one of them out"]
        ),
        ("preset: teams\nmethod: PUT\nurl: https://x.example.org", ["2:9: expected POST, which the preset takes"]),
        ("preset: pagerduty", ["1:1: the key routing_key is missing"]),
        ("preset: pagerduty\nrouting_key: a b", ["2:14: expected visible ASCII characters without spaces"]),
        ("url: https://x.example.org\nrouting_key: abc", ["2:14: only the preset pagerduty has one"]),
        ("url: https://x.example.org\nmethod: BREW", ["2:9: expected POST, PUT, PATCH, GET or DELETE"]),
        (
            "url: https://x.example.org\nmethod: GET\ncloudevents: binary",
            ["2:9: expected POST, PUT or PATCH, by which CloudEvents go"]
        ),
        (
            "url: https://x.example.org\nbody: |\n  {\"a\":\n  \"{{mesage}}\"}",
            ["2:7: line 2, column 2 of the template: there is no field mesage: was message meant?"]
        ),
        ("url: https://x.example.org\nbody: []", ["2:7: expected a template, as a text, not an empty list"]),
        ("url: https://x.example.org\nmaximum_body: 10", ["2:15: expected a whole number, 1024 to 16777216"]),
        (
            "url: https://x.example.org\nmaximum_body: 1024\nbody: '\(String(repeating: "1", count: 1_025))'",
            ["3:7: expected at most maximum_body, 1024 bytes"]
        ),
        (
            "url: https://x.example.org\nanswers: {success: [20]}",
            ["2:21: expected a status from 200 to 599, or a class such as 5xx"]
        ),
        (
            "url: https://x.example.org\nanswers: {retry: [6xx]}",
            ["2:19: expected a status from 200 to 599, or a class such as 5xx"]
        ),
        (
            "url: https://x.example.org\nanswers: {poison: 400}",
            ["2:19: expected a list of statuses and classes such as [429, 5xx]"]
        ),
        ("url: https://x.example.org\nanswers: {success: []}", ["2:20: expected at least one status"]),
        (
            "url: https://x.example.org\nanswers:\n  success: [200]\n  retry: [200]",
            ["3:3: the status 200 stands twice"]
        ),
        (
            "url: https://x.example.org\nanswers: {sucess: [200]}",
            ["2:11: the key sucess is not known here: was success meant?"]
        ),
        (
            "url: https://x.example.org\nheaders: [a]",
            ["2:10: expected a mapping of names of headers to texts, not a list"]
        ),
        ("url: https://x.example.org\nheaders:\n  A:\n  B: 1", ["3:3: expected the header's value, a text"]),
        ("url: https://x.example.org\nheaders:\n  A b: x", ["3:3: expected names of headers, such as Authorization"]),
        ("url: https://x.example.org\nheaders:\n  A: x\n  a: y", ["4:6: the header a stands twice"]),
        (
            "url: https://x.example.org\nheaders:\n  Content-Length: 3",
            ["3:19: the header Content-Length is the client's own"]
        ),
        (
            "url: https://x.example.org\nheaders:\n  X: '{{id}}'",
            ["3:6: headers are no templates: expected a value without {{"]
        ),
        (
            "url: https://x.example.org\nheaders:\n  X: \"a\\nb\"",
            ["3:6: expected a value of one line, at most 8,192 bytes"]
        ),
        (
            "url: https://x.example.org\nheaders: {ce-id: x}\ncloudevents: binary",
            ["2:18: the header ce-id is written by cloudevents"]
        ),
        (
            "url: https://x.example.org\ncloudevents: text",
            ["2:14: expected binary, structured, a mapping with mode, source and type_prefix, or off"]
        ),
        ("url: https://x.example.org\ncloudevents: {mode: batched}", ["2:21: expected binary or structured"]),
        ("url: https://x.example.org\nallow_private: maybe", ["2:16: expected true or false"]),
        ("url: https://x.example.org\nboddy: x", ["2:1: the key boddy is not known here: was body meant?"]),
        ("url: [a]\nmethod: X Y", ["1:6: expected an address that begins with https:// or http://, not a list"]),
    ])
    func eachFaultHasItsPlace(_ text: String, _ expected: [String]) {
        #expect(read(text).faults == expected)
    }

    @Test func allFaultsAreSaidAtOnce() {
        let faults = read(
            "url: ftp://x\nmethod: BREW\nbody: '{{nothing}}'\nheaders: {Host: a}\nanswers: {success: [7]}"
        ).faults
        // What only the keys together can be asked waits until each of them is right.
        #expect(faults.map { String($0.prefix(2)) } == ["1:", "3:", "5:"])
        let later = read("url: https://x.example.org\nmethod: BREW\nheaders: {Host: a}\nanswers: {success: []}").faults
        #expect(later.map { String($0.prefix(2)) } == ["2:", "3:", "4:"])
    }

    @Test func whatIsSecretIsMarkedAndNotShown() {
        #expect(HTTPSinkOptions.keys.keys.filter(\.isSecret).map(\.name) == ["url", "headers", "routing_key"])
        let (options, _) = read(
            "url: https://x.example.org/hunter2\nheaders: {Authorization: hunter2}\npreset: pagerduty\nrouting_key: hunter2"
        )
        var text = "\(options) \(String(reflecting: options)) "
        dump(options, to: &text)
        for row in HTTPSinkOptions.keys.rows(options) { text += "\(row)" }
        #expect(!text.contains("hunter2"))
        let faults = read(
            "url: hunter2://{{hunter2}}\nheaders: {hunter2header: \"{{hunter2}}\"}\nrouting_key: hunter2 b"
        ).faults
        #expect(!faults.joined().replacing("hunter2header", with: "").contains("hunter2"), "\(faults)")
    }

    @Test func optionsThatAreWrongMakeNoSink() throws {
        let options = HTTPSinkOptions(
            url: Secret("hunter2"), method: "BREW", body: "{{nothing}}", answers: .init(success: [20], retry: ["9xx"]),
            maximumBody: 3)
        let error = #expect(throws: ConfigurationError.self) {
            try options.makeSink(SinkParts(name: "x", hold: .seconds(1)) { _, _ in throw CancellationError() })
        }
        let fields = error?.problems.map(\.field) ?? []
        #expect(
            fields.contains("HTTPSinkOptions.url") && fields.contains("HTTPSinkOptions.method")
                && fields.contains("HTTPSinkOptions.answers.success") && fields.contains("HTTPSinkOptions.maximumBody"))
        #expect(!"\(error.debugDescription)".contains("hunter2"))
    }
}
