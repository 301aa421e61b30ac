import Yams

/// Reads a file as one YAML document of plain trees.
enum YAMLDocument {
    /// Far more than a person writes.
    static let maximumSize = 1 << 20

    /// - Throws: the fault that keeps it from being read.
    static func read(_ text: String, _ faults: inout YAMLFaults) -> YAMLValue? {
        let start = YAMLValue.Place(line: 1, column: 1)
        guard text.utf8.count <= maximumSize else {
            faults.add("expected at most \(maximumSize >> 20) MiB", at: start)
            return nil
        }
        do {
            // Named, because anchors live as long as the parser.
            let parser = try Parser(yaml: text, encoding: .utf8)
            return try withExtendedLifetime(parser) {
                guard let root = try parser.singleRoot() else {
                    return YAMLValue(content: .null, place: start)
                }
                return value(root, &faults)
            }
        } catch let error as YamlError {
            note(error, text, &faults)
        } catch {
            faults.add("it cannot be read as YAML", at: start)
        }
        return nil
    }

    private static func value(_ node: Node, _ faults: inout YAMLFaults) -> YAMLValue {
        let place = place(node.mark)
        guard node.anchor == nil else {
            faults.add("anchors and aliases are not taken: write the value out where it is wanted", at: place)
            return YAMLValue(content: .null, place: place)
        }
        switch node {
        case .scalar(let scalar):
            refuse(scalar.tag, [.implicit, .str], at: place, &faults)
            let isNull = scalar.style == .plain && ["", "~", "null"].contains(scalar.string)
            return YAMLValue(content: isNull ? .null : .text(scalar.string), place: place)
        case .sequence(let sequence):
            refuse(sequence.tag, [.implicit], at: place, &faults)
            return YAMLValue(content: .list(sequence.map { value($0, &faults) }), place: place)
        case .mapping(let mapping):
            refuse(mapping.tag, [.implicit], at: place, &faults)
            var entries: [YAMLValue.Entry] = []
            for (key, element) in mapping {
                let keyPlace = self.place(key.mark)
                guard case .scalar(let name) = key, key.anchor == nil else {
                    let isTemplate = if case .mapping = key { true } else { false }
                    faults.add(
                        "expected a key, which is a text\(isTemplate ? "; a text that begins with { needs quotes" : "")",
                        at: keyPlace)
                    continue
                }
                guard !name.string.contains(where: { $0.isWhitespace && !$0.isASCII }) else {
                    faults.add("a space here is none of YAML's (U+00A0 or the like): type it anew", at: keyPlace)
                    continue
                }
                entries.append(.init(key: name.string, place: keyPlace, value: value(element, &faults)))
            }
            return YAMLValue(content: .mapping(entries), place: place)
        case .alias:
            faults.add("anchors and aliases are not taken: write the value out where it is wanted", at: place)
            return YAMLValue(content: .null, place: place)
        }
    }

    private static func refuse(
        _ tag: Tag, _ names: [Tag.Name], at place: YAMLValue.Place, _ faults: inout YAMLFaults
    ) {
        if !names.contains(where: { tag.description == $0.rawValue }) {
            faults.add("tags are not taken: leave out what begins with !", at: place)
        }
    }

    private static func place(_ mark: Mark?) -> YAMLValue.Place {
        YAMLValue.Place(line: max(1, mark?.line ?? 1), column: max(1, mark?.column ?? 1))
    }

    // MARK: What the parser says

    private static func note(_ error: YamlError, _ text: String, _ faults: inout YAMLFaults) {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            // What is no key is noticed behind it, on the next line as a rule, and a quote without an end at the file's.
            let isLate = context?.text.contains("simple key") == true || problem.contains("unexpected end of stream")
            let start = isLate ? context?.mark ?? mark : mark
            let words = [context?.text, problem].compactMap(\.self).joined(separator: ": ")
            faults.add("it is not YAML: \(words)" + hint(words, start, text), at: place(start))
        case .reader(let problem, let offset, _, _):
            faults.add("it is not YAML: \(problem)", at: place(of: offset ?? 0, in: text))
        case .duplicatedKeysInMapping(let keys, let context):
            for key in keys {
                faults.add("the key \(Nearest.shownKey(key)) stands twice", at: second(key, context.mark, text))
            }
        default:
            faults.add("it cannot be read as YAML", at: place(nil))
        }
    }

    /// What people do who are told that.
    private static func hint(_ problem: String, _ mark: Mark, _ text: String) -> String {
        let line = line(mark.line, of: text)
        if hasBareReference(line) { return "; inside of { } and [ ] write \"${…}\" in quotes" }
        if problem.contains("mapping values are not allowed") {
            return "; a text with a colon and a space needs quotes, and keys of one mapping the same indentation"
        }
        if problem.contains("tab character") || problem.contains("cannot start any token") && line.contains("\t") {
            return "; indent with spaces, not tabs"
        }
        if problem.contains("unexpected end of stream") { return "; what begins here has no end" }
        if problem.contains("simple key") { return "; behind a key stand a colon and a space" }
        if problem.contains("block mapping") || problem.contains("block collection") {
            return "; keys of one mapping need the same indentation, and so do entries of one list"
        }
        if problem.contains("another document") {
            return "; it is one document: what stands behind `---` goes into another file"
        }
        let start = line.unicodeScalars.dropFirst(max(0, mark.column - 1)).first
        if problem.contains("block scalar") || problem.contains("did not find expected comment or line break")
            || problem.contains("cannot start any token") && (start == ">" || start == "|")
        {
            return "; a text that begins with > or | needs quotes, or words: at least 3"
        }
        if problem.contains("cannot start any token") || problem.contains("alias") || problem.contains("anchor") {
            return "; a text that begins with one of * & @ ` % ! needs quotes"
        }
        return ""
    }

    /// Whether a line has `${` outside of quotes and inside of a mapping or list in one line.
    private static func hasBareReference(_ line: Substring) -> Bool {
        var (quote, depth, last): (Character?, Int, Character?) = (nil, 0, nil)
        for character in line {
            if let open = quote {
                if character == open { quote = nil }
            } else if character == "\"" || character == "'" {
                quote = character
            } else if character == "{", last == "$", depth > 0 {
                return true
            } else if character == "{" || character == "[" {
                depth += 1
            } else if character == "}" || character == "]" {
                depth -= 1
            } else if character == "#", last == " " {
                return false
            }
            last = character
        }
        return false
    }

    /// Where a key stands for the second time: on a line of its own behind the first, as far as that can be seen.
    private static func second(_ key: String, _ first: Mark, _ text: String) -> YAMLValue.Place {
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        let indentation = String(repeating: " ", count: max(0, first.column - 1))
        for number in max(0, first.line)..<max(lines.count, first.line) {
            let line = lines[number]
            if line.hasPrefix("\(indentation)\(key):") {
                return YAMLValue.Place(line: number + 1, column: first.column)
            }
            let content = line.drop { $0 == " " }
            if !content.isEmpty, !content.hasPrefix("#"), line.count - content.count < indentation.count { break }
        }
        return place(first)
    }

    private static func line(_ number: Int, of text: String) -> Substring {
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        return lines.indices.contains(number - 1) ? lines[number - 1] : ""
    }

    private static func place(of offset: Int, in text: String) -> YAMLValue.Place {
        let before = text.prefix(offset)
        let line = before.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        return YAMLValue.Place(line: max(1, line.count), column: (line.last?.unicodeScalars.count ?? 0) + 1)
    }
}
