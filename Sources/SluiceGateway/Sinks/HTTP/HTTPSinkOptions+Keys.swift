import Sluice

/// The keys of a sink of the kind `http`, beside those that every sink has.
extension HTTPSinkOptions {
    static let keys = YAMLMapping<HTTPSinkOptions>(
        [
            YAMLKey(
                "preset", optional: \.preset, .preset,
                "Body, answers and pace as a service wants them, instead of `body` and `cloudevents`"),
            .url,
            YAMLKey(
                "method", \.method, .text(HTTPSinkCheck.methods.joined(last: "or")),
                "How it is asked; `GET` and `DELETE` have no body without a template"),
            .headers,
            .body,
            YAMLKey(
                "routing_key", optional: \.routingKey, .secret("visible ASCII characters without spaces"),
                isSecret: true, "The integration key of the preset `pagerduty`"),
            .cloudEvents,
            .answers,
            YAMLKey(
                "allow_private", \.allowsPrivateAddresses, .flag,
                "Whether an address with fields of events in it may be a private, loopback or link-local one"),
            YAMLKey(
                "maximum_body", \.maximumBody, .count(HTTPSinkCheck.sizes),
                "Bytes of a body; an event whose body is longer goes to the poison queue"),
            YAMLKey(
                "idempotency_key", \.sendsIdempotencyKey, .flag,
                "Whether requests have a header `Idempotency-Key` with the event's id; presets have none"),
        ],
        check: { options, value, faults in
            for problem in HTTPSinkCheck(options).problems {
                // Of what stands there and cannot be made out a fault tells already.
                if problem.isMissing, problem.key.flatMap({ value[$0] }) != nil { continue }
                let text = problem.isMissing ? "the key \(problem.key ?? "") is missing" : problem.text
                faults.add(text, at: value.place(of: problem.key))
            }
        })
}

extension YAMLValue {
    /// Where the value of a key such as `answers.retry` stands; as much of the way as there is.
    fileprivate func place(of path: String?) -> Place {
        guard let path else { return place }
        // The names of headers may have points.
        let names = path.split(separator: ".", maxSplits: 1).map(String.init)
        guard let name = names.first, case .mapping(let entries) = content,
            let entry = entries.first(where: { $0.key == name })
        else { return place }
        if names.count > 1, case .mapping = entry.value.content { return entry.value.place(ofKey: names[1]) }
        if case .null = entry.value.content { return entry.place }
        return entry.value.place
    }

    private func place(ofKey name: String) -> Place {
        guard case .mapping(let entries) = content, let entry = entries.first(where: { $0.key == name }) else {
            return place
        }
        if case .null = entry.value.content { return entry.place }
        return entry.value.place
    }
}

extension YAMLFormat where Value == Secret {
    /// Any text that is not empty.
    fileprivate static func secret(_ expected: String) -> Self {
        Self(text: expected, write: { $0.description }) { $0.isEmpty ? nil : Secret($0) }
    }
}

extension YAMLFormat where Value == String {
    /// Any text; it may have lines.
    fileprivate static var template: Self {
        Self(text: "a template, as a text", write: { $0 }) { $0.isEmpty ? nil : $0 }
    }
}

extension YAMLFormat where Value == HTTPSinkOptions.Preset {
    fileprivate static var preset: Self {
        Self(
            text: HTTPSinkOptions.Preset.all.map(\.name).joined(last: "or"), write: { $0.name },
            parse: { text in HTTPSinkOptions.Preset.all.first { $0.name == text } })
    }
}

extension YAMLFormat where Value == HTTPSinkOptions.Status {
    fileprivate static var status: Self {
        Self(
            text: "a status from 200 to 599, or a class such as 5xx", write: { $0.description },
            parse: { HTTPSinkOptions.Status($0) })
    }
}

extension YAMLKey<HTTPSinkOptions.Answers> {
    /// A list, each of whose elements has its own fault.
    fileprivate init(
        _ name: String,
        statuses path: any WritableKeyPath<HTTPSinkOptions.Answers, [HTTPSinkOptions.Status]> & Sendable,
        _ meaning: String
    ) {
        let expected = "a list of statuses and classes such as [429, 5xx]"
        self.init(
            name, expected: expected,
            standard: { "[" + $0[keyPath: path].map(\.description).joined(separator: ", ") + "]" }, meaning,
            read: { value, answers, faults in
                guard case .list(let entries) = value.content, entries.count <= 500 else {
                    return faults.expect(expected, at: value)
                }
                let statuses = entries.compactMap { YAMLFormat<HTTPSinkOptions.Status>.status.read($0, &faults) }
                if statuses.count == entries.count { answers[keyPath: path] = statuses }
            })
    }
}

extension HTTPSinkOptions.Answers {
    fileprivate static let keys = YAMLMapping<HTTPSinkOptions.Answers>([
        YAMLKey("success", statuses: \.success, "The receiver has the event"),
        YAMLKey("poison", statuses: \.poison, "It can never take this event, which goes to the poison queue"),
        YAMLKey("retry", statuses: \.retry, "It is tried again, after `Retry-After` if that is there"),
    ])
}

extension HTTPSinkOptions.CloudEvents {
    fileprivate static let keys = YAMLMapping<HTTPSinkOptions.CloudEvents>([
        YAMLKey("mode", \.mode, .word(modes), "Whether the attributes stand in headers or in the body"),
        YAMLKey("source", \.source, .text("a URI or a path, such as /sluice"), "Names this gateway"),
        YAMLKey(
            "type_prefix", \.typePrefix, .text("a text such as dev.sluice."), "Stands before the kind in `type`"),
    ])

    fileprivate static let modes: KeyValuePairs<String, Mode> = ["binary": .binary, "structured": .structured]
}

extension YAMLKey<HTTPSinkOptions> {
    // What is wrong with a template is said here, beside the faults of other keys: the check of the whole is made where there
    // are none.

    fileprivate static var url: Self {
        let format = YAMLFormat<Secret>.secret("an address that begins with https:// or http://")
        return Self(
            "url", expected: format.expected, isSecret: true,
            "Where events go; may be a template, whose values are percent-encoded. `pagerduty` has one of its own",
            read: { value, options, faults in
                guard let url = format.read(value, &faults) else { return }
                options.url = url
                do throws(TemplateFault) {
                    _ = try HTTPSinkAddress(url, allowsPrivateAddresses: true)
                } catch {
                    faults.add(HTTPSinkCheck.text(ofAddress: error), at: value.place)
                }
            })
    }

    fileprivate static var body: Self {
        let format = YAMLFormat<String>.template
        return Self(
            "body", expected: format.expected,
            "A Mustache template over the event. Default: the event as JSON, with `kind` and `event_id`",
            read: { value, options, faults in
                guard let body = format.read(value, &faults) else { return }
                options.body = body
                // The preset and the headers are read before.
                guard options.preset == nil else { return }
                do throws(TemplateFault) {
                    _ = try EventTemplate(body, as: options.format)
                } catch {
                    faults.add(error.description, at: value.place)
                }
            })
    }

    fileprivate static var headers: Self {
        let expected = "a mapping of names of headers to texts"
        return Self(
            "headers", expected: expected, isSecret: true,
            "Sent with each request. `Content-Type` also says how values are written into `body`; default `application/json`",
            read: { value, options, faults in
                guard case .mapping(let entries) = value.content else { return faults.expect(expected, at: value) }
                var headers: [String: Secret] = [:]
                for entry in entries {
                    if case .unknown = entry.value.content { continue }
                    guard let text = entry.value.text else {
                        let place = if case .null = entry.value.content { entry.place } else { entry.value.place }
                        faults.add("expected the header's value, a text", at: place)
                        continue
                    }
                    headers[entry.key] = Secret(text)
                }
                options.headers = headers
            })
    }

    /// `binary`, `structured`, or a mapping.
    fileprivate static var cloudEvents: Self {
        let expected = "binary, structured, a mapping with mode, source and type_prefix, or off"
        return Self(
            "cloudevents", expected: expected, standard: { $0.cloudEvents == nil ? "off" : "on" },
            "How events go as CloudEvents 1.0. Default: they do not",
            parts: { HTTPSinkOptions.CloudEvents.keys.rows($0.cloudEvents ?? .init()) },
            read: { value, options, faults in
                var cloudEvents = options.cloudEvents ?? .init()
                switch value.content {
                case .text(let text) where SwitchText.parse(text) == false: return options.cloudEvents = nil
                case .text(let text):
                    guard let mode = HTTPSinkOptions.CloudEvents.modes.first(where: { $0.key == text })?.value else {
                        return faults.expect(expected, at: value)
                    }
                    cloudEvents.mode = mode
                case .mapping: HTTPSinkOptions.CloudEvents.keys.read(value, into: &cloudEvents, &faults)
                case .list, .null, .unknown: return faults.expect(expected, at: value)
                }
                options.cloudEvents = cloudEvents
            })
    }

    fileprivate static var answers: Self {
        Self(
            "answers", expected: "a mapping",
            "What the statuses of answers mean; any other holds the sink. Default: as the preset wants it",
            parts: { HTTPSinkOptions.Answers.keys.rows($0.answers ?? $0.preset?.answers ?? .standard) },
            read: { value, options, faults in
                // The preset is read before: what is not said is as it wants it.
                var answers = options.answers ?? options.preset?.answers ?? .standard
                HTTPSinkOptions.Answers.keys.read(value, into: &answers, &faults)
                options.answers = answers
            })
    }
}
