/// Makes one tree of several files: their sections are put together, and nothing may stand in two of them.
struct FileMerge {
    private var sections: [YAMLValue.Entry] = []
    private var start: YAMLValue.Place?

    /// Whether no file could be read.
    var isEmpty: Bool { start == nil }

    /// Whether the files could be read, and nothing stands in them.
    var isBlank: Bool { start != nil && sections.isEmpty }

    var whole: YAMLValue {
        YAMLValue(content: .mapping(sections), place: start ?? .init(line: 1, column: 1))
    }

    mutating func add(_ root: YAMLValue, _ faults: inout YAMLFaults) {
        start = start ?? root.place
        switch root.content {
        case .mapping(let entries): for entry in entries { add(entry, &faults) }
        // A file with nothing but comments.
        case .null: break
        case .text, .list, .unknown: faults.expect("a mapping with sections such as sources and sinks", at: root)
        }
    }

    private mutating func add(_ section: YAMLValue.Entry, _ faults: inout YAMLFaults) {
        guard let index = sections.firstIndex(where: { $0.key == section.key }) else {
            return sections.append(section)
        }
        let before = sections[index]
        guard case .mapping(var entries) = before.value.content, case .mapping(let more) = section.value.content else {
            return faults.add(
                "\(Nearest.shownKey(section.key)) stands in \(Self.words(before.place)) too", at: section.place)
        }
        for entry in more {
            if let other = entries.first(where: { $0.key == entry.key }) {
                let key = "\(Nearest.shownKey(section.key)).\(Nearest.shownKey(entry.key))"
                faults.add("\(key) stands in \(Self.words(other.place)) too", at: entry.place)
            } else {
                entries.append(entry)
            }
        }
        sections[index] = .init(
            key: before.key, place: before.place,
            value: YAMLValue(content: .mapping(entries), place: before.value.place))
    }

    private static func words(_ place: YAMLValue.Place) -> String {
        "\(place.file ?? "line "):\(place.line)".replacingUnsafeCharacters()
    }
}
