/// The keys of an entry of `only`.
extension EventFilter.Entry {
    static let keys = YAMLMapping<EventFilter.Entry>(
        [
            YAMLKey(
                "event", optional: \.event, .kinds, "One of these kinds; incidents come only to a sink that names them"),
            YAMLKey("repository", optional: \.repository, .patterns, "`owner/name`; `*` stops at `/`"),
            YAMLKey(
                "branch", optional: \.branch,
                .patterns.bounded("without refs/heads/") { $0.allSatisfy { !$0.description.hasPrefix("refs/") } }
                    .telling { _ in "a text of 1 to 255 bytes, without refs/heads/" },
                "The branch that was pushed to; nothing else has one"),
            YAMLKey("environment", optional: \.environment, .patterns, "Where it was deployed to; pushes have none"),
            YAMLKey(
                "service", optional: \.service, .patterns, "What was deployed, or has the incident; pushes have none"),
        ],
        check: { entry, value, faults in
            if entry == EventFilter.Entry() {
                faults.add(
                    "expected at least one of event, repository, branch, environment and service", at: value.place)
            } else if entry.possibleKinds.isEmpty {
                faults.add("no event has all of this: it can match nothing", at: value.place)
            }
        })
}

extension EventFilter {
    /// In one line, as a file may have it.
    var text: String {
        let entries = entries.map { entry -> String in
            let rows = Entry.keys.keys.compactMap { key in key.written(entry).map { "\(key.name): \($0)" } }
            return "{\(rows.joined(separator: ", "))}"
        }
        return "[\(entries.joined(separator: ", "))]"
    }
}

extension YAMLKey {
    /// A list of entries, or one.
    static func only(_ path: any WritableKeyPath<Target, EventFilter?> & Sendable) -> Self {
        Self(
            "only", expected: "a list of mappings with event, repository, branch, environment or service",
            "The events it gets: those that one of the entries matches in everything it names. Default: all",
            parts: { _ in EventFilter.Entry.keys.rows(EventFilter.Entry()) },
            read: { value, target, faults in
                guard case .list(let values) = value.content, !values.isEmpty else {
                    return faults.expect("a list with at least one entry such as `- event: [commitPushed]`", at: value)
                }
                target[keyPath: path] = EventFilter(
                    values.map { value in
                        var entry = EventFilter.Entry()
                        if case .mapping = value.content {
                            EventFilter.Entry.keys.read(value, into: &entry, &faults)
                        } else {
                            faults.expect("a mapping such as {event: [commitPushed]}", at: value)
                        }
                        return entry
                    })
            })
    }
}

extension YAMLFormat where Value == Set<Event.Kind> {
    /// `[commitPushed, commitDeployed]`, or one of them.
    fileprivate static var kinds: Self {
        let words = Event.Kind.allCases.map(\.rawValue)
        return Self(
            "a list of \(words.joined(last: "and"))",
            write: { kinds in
                "[\(words.filter { Event.Kind(rawValue: $0).map(kinds.contains) ?? false }.joined(separator: ", "))]"
            },
            value: { value in
                let kinds = value.texts?.compactMap { Event.Kind(rawValue: $0) }
                guard let kinds, !kinds.isEmpty, kinds.count == value.texts?.count else { return nil }
                return Set(kinds)
            }
        ).telling { value in
            let nearest = value.text.flatMap { Nearest.name(to: $0, of: words) }.map { ": was \($0) meant?" } ?? ""
            return words.joined(last: "or") + nearest
        }
    }
}

extension YAMLFormat where Value == [TextPattern] {
    /// `["acme/web-*"]`, or one.
    fileprivate static var patterns: Self {
        Self(
            "a list of texts of 1 to 255 bytes, in which * stands for anything but /",
            write: { "[\($0.map { YAMLText.inQuotes("\($0)") }.joined(separator: ", "))]" },
            value: { value in
                guard let texts = value.texts, (1...1_000).contains(texts.count) else { return nil }
                guard texts.allSatisfy({ (1...255).contains($0.utf8.count) && !$0.hasUnsafeCharacters }) else {
                    return nil
                }
                return texts.map { TextPattern($0) }
            }
        ).telling { _ in "a text of 1 to 255 bytes, in which * stands for anything but /" }
    }
}

extension YAMLValue {
    /// The texts of a list, or one text; nil for anything else.
    var texts: [String]? {
        switch content {
        case .text(let text): return [text]
        case .list(let values):
            let texts = values.compactMap(\.text)
            return texts.count == values.count ? texts : nil
        case .null, .mapping, .unknown: return nil
        }
    }
}
