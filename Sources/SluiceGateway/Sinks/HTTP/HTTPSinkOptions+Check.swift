import Sluice

/// Everything that is wrong with a sink's options, and what they compile to.
struct HTTPSinkCheck {
    /// A fault of one key, as a file calls it.
    struct Problem: Equatable {
        /// `answers.retry`; nil where it is the whole.
        let key: String?
        /// Shows no value that may be a secret.
        let text: String
        /// Whether the key is not there.
        var isMissing = false
    }

    private(set) var problems: [Problem] = []
    private(set) var address: HTTPSinkAddress?
    /// Nil where nothing is sent but the request's head, and where the template is wrong.
    private(set) var body: HTTPSinkBody?

    static let methods = ["POST", "PUT", "PATCH", "GET", "DELETE"]
    static let sizes = 1_024...16 << 20

    init(_ options: HTTPSinkOptions) {
        checkAddress(options)
        checkMethod(options)
        checkHeaders(options)
        checkPreset(options)
        checkCloudEvents(options)
        checkAnswers(options)
        if !Self.sizes.contains(options.maximumBody) {
            add("maximum_body", "expected \(Self.sizes.lowerBound) to \(Self.sizes.upperBound) bytes")
        }
        checkBody(options)
    }

    /// The same for programs, which know the keys by the names of properties.
    var error: ConfigurationError? {
        ConfigurationError(
            problems.map { problem in
                let path = problem.key.map { ".\(Self.properties[$0] ?? $0)" } ?? ""
                let expected =
                    problem.text.hasPrefix("expected ")
                    ? String(problem.text.dropFirst("expected ".count)) : "something else: \(problem.text)"
                return ConfigurationError.Problem("HTTPSinkOptions\(path)", expected: expected)
            })
    }

    private static let properties = [
        "maximum_body": "maximumBody", "routing_key": "routingKey", "cloudevents": "cloudEvents",
        "cloudevents.source": "cloudEvents.source", "cloudevents.type_prefix": "cloudEvents.typePrefix",
    ]

    private mutating func add(_ key: String?, _ text: String) {
        problems.append(Problem(key: key, text: text))
    }

    private mutating func addMissing(_ key: String, _ text: String) {
        problems.append(Problem(key: key, text: text, isMissing: true))
    }

    private mutating func checkAddress(_ options: HTTPSinkOptions) {
        guard let text = options.address else { return addMissing("url", "expected an address") }
        do {
            address = try HTTPSinkAddress(text, allowsPrivateAddresses: options.allowsPrivateAddresses)
        } catch {
            add("url", Self.text(ofAddress: error))
        }
    }

    /// An address has one line.
    static func text(ofAddress fault: TemplateFault) -> String {
        fault.column > 1 ? "at character \(fault.column): \(fault.text)" : fault.text
    }

    private mutating func checkMethod(_ options: HTTPSinkOptions) {
        if !Self.methods.contains(options.method) {
            add("method", "expected \(Self.methods.joined(last: "or"))")
        } else if options.method != "POST", options.preset != nil {
            add("method", "expected POST, which the preset takes")
        } else if options.cloudEvents != nil, !options.hasBody {
            add("method", "expected POST, PUT or PATCH, by which CloudEvents go")
        }
    }

    private mutating func checkHeaders(_ options: HTTPSinkOptions) {
        var names: Set<String> = []
        for (name, value) in options.headers.sorted(by: { $0.key < $1.key }) {
            let key = "headers.\(name)"
            let lowercased = name.lowercased()
            if name.isEmpty || !name.utf8.allSatisfy(Self.isToken) {
                add("headers", "expected names of headers, such as Authorization")
            } else if !names.insert(lowercased).inserted {
                add(key, "the header \(name) stands twice")
            } else if ["content-length", "transfer-encoding", "host", "expect", "connection"].contains(lowercased) {
                add(key, "the header \(name) is the client's own")
            } else if options.cloudEvents != nil, lowercased.hasPrefix("ce-") || lowercased == "content-type" {
                add(key, "the header \(name) is written by cloudevents")
            } else if options.preset != nil, lowercased == "content-type" {
                add(key, "the header \(name) is the preset's")
            }
            let text = value.reveal()
            if text.utf8.contains(where: { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F }) || text.utf8.count > 8_192 {
                add(key, "expected a value of one line, at most 8,192 bytes")
            } else if text.contains("{{") {
                add(key, "headers are no templates: expected a value without {{")
            }
        }
    }

    private static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }

    private mutating func checkPreset(_ options: HTTPSinkOptions) {
        if let preset = options.preset {
            if options.body != nil { add("body", "the preset \(preset) has a body of its own: leave one of them out") }
            if options.cloudEvents != nil {
                add("cloudevents", "the preset \(preset) has a body of its own: leave one of them out")
            }
        }
        let needsKey = options.preset?.needsRoutingKey ?? false
        if let key = options.routingKey {
            if !needsKey { add("routing_key", "only the preset pagerduty has one") }
            if key.reveal().isEmpty || !key.reveal().utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) {
                add("routing_key", "expected visible ASCII characters without spaces")
            }
        } else if needsKey {
            addMissing("routing_key", "expected a key, which the preset pagerduty needs")
        }
    }

    private mutating func checkCloudEvents(_ options: HTTPSinkOptions) {
        guard let cloudEvents = options.cloudEvents else { return }
        for (key, text) in [("source", cloudEvents.source), ("type_prefix", cloudEvents.typePrefix)]
        where text.isEmpty || !text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) {
            add("cloudevents.\(key)", "expected visible ASCII characters without spaces")
        }
    }

    private mutating func checkAnswers(_ options: HTTPSinkOptions) {
        guard let answers = options.answers else { return }
        if answers.success.isEmpty { add("answers.success", "expected at least one status") }
        for (key, statuses) in [("success", answers.success), ("poison", answers.poison), ("retry", answers.retry)]
        where !statuses.allSatisfy(\.isPossible) {
            add("answers.\(key)", "expected statuses from 200 to 599, or classes such as 5xx")
        }
        if let status = answers.duplicate { add("answers", "the status \(status) stands twice") }
    }

    private mutating func checkBody(_ options: HTTPSinkOptions) {
        guard options.hasBody, Self.sizes.contains(options.maximumBody) else { return }
        if options.preset == nil, let text = options.body, text.utf8.count > options.maximumBody {
            return add("body", "expected at most maximum_body, \(options.maximumBody) bytes")
        }
        do {
            body = try HTTPSinkBody(options)
        } catch {
            add("body", error.description)
        }
    }
}

extension HTTPSinkOptions {
    /// Whether requests have a body.
    var hasBody: Bool { body != nil || !["GET", "DELETE"].contains(method) }
}
