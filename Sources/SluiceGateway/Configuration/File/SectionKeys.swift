/// Looks at the keys of a section whose values are options.
enum SectionKeys {
    /// Refuses keys that are none of these; one with a point leads through a mapping.
    static func check(_ section: YAMLValue, _ fields: [String], _ faults: inout YAMLFaults) {
        switch section.content {
        case .mapping(let entries):
            let names = fields.map { String($0.prefix { $0 != "." }) }
            for entry in entries {
                guard names.contains(entry.key) else {
                    faults.add(Nearest.unknownKey(entry, of: names.uniqued), at: entry.place)
                    continue
                }
                let inside = fields.filter { $0.hasPrefix("\(entry.key).") }.map {
                    String($0.dropFirst(entry.key.count + 1))
                }
                if !inside.isEmpty { check(entry.shown, inside, &faults) }
            }
        case .null: break
        case .text, .list, .unknown: faults.expect("a mapping", at: section)
        }
    }

    /// The kind that a section names.
    static func kind<Kind>(
        of section: YAMLValue, _ kinds: [Kind], named name: (Kind) -> String, _ faults: inout YAMLFaults
    ) -> Kind? {
        let names = kinds.map(name)
        guard case .mapping = section.content else {
            faults.expect("a mapping with kind: \(names.joined(last: "or"))", at: section)
            return nil
        }
        guard let value = section["kind"] else {
            faults.add("the key kind is missing: \(names.joined(last: "or"))", at: section.place)
            return nil
        }
        if let kind = kinds.first(where: { name($0) == value.text }) { return kind }
        let nearest = value.text.flatMap { Nearest.name(to: $0, of: names) }.map { ": was \($0) meant?" } ?? ""
        faults.expect("a kind, \(names.joined(last: "or"))\(nearest)", at: value)
        return nil
    }
}

extension [String] {
    /// Each once, in this order.
    var uniqued: [String] {
        var seen: Set<String> = []
        return filter { seen.insert($0).inserted }
    }
}

extension KeyRow {
    /// Rows of options.
    static func options(_ variables: [ConfigurationVariable]) -> [KeyRow] {
        variables.map { variable in
            KeyRow(
                path: variable.field.split(separator: ".").map(String.init), expected: variable.expectationInFile,
                standard: variable.defaultValue.map(variable.inFile), meaning: variable.meaning,
                effect: variable.effect,
                isSecret: variable.isSecret)
        }
    }
}
