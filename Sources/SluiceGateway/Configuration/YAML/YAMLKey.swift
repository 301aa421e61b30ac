/// One key of a mapping: how its value is read into what it is about, and its description.
struct YAMLKey<Target: Sendable>: Sendable {
    let name: String
    /// Whether it is known only to be refused, and shown nowhere.
    fileprivate(set) var isHidden = false
    /// Whether its value must never be shown.
    fileprivate(set) var isSecret = false
    let read: @Sendable (YAMLValue, inout Target, inout YAMLFaults) -> Void
    /// Rows of the documentation, by the value of the whole that holds when nothing is set.
    let rows: @Sendable (Target) -> [KeyRow]

    /// - Parameters:
    ///   - expected: what a value has to be.
    ///   - standard: what holds when it is not set, as it would stand in a file; nil where that is nothing.
    ///   - isSecret: whether its value must never be shown.
    ///   - meaning: one sentence without the point at its end.
    ///   - parts: the rows of what stands inside it.
    init(
        _ name: String, expected: String, words: [String] = [],
        standard: @escaping @Sendable (Target) -> String? = { _ in nil }, isSecret: Bool = false, _ meaning: String,
        parts: @escaping @Sendable (Target) -> [KeyRow] = { _ in [] },
        read: @escaping @Sendable (YAMLValue, inout Target, inout YAMLFaults) -> Void
    ) {
        self.name = name
        self.isSecret = isSecret
        self.read = read
        rows = { target in
            [
                KeyRow(
                    path: [name], expected: expected, standard: standard(target), meaning: meaning, words: words,
                    isSecret: isSecret)
            ]
                + parts(target).map { $0.within(name) }
        }
    }

    /// A value of the target.
    init<Value>(
        _ name: String, _ path: any WritableKeyPath<Target, Value> & Sendable, _ format: YAMLFormat<Value>,
        isSecret: Bool = false, _ meaning: String
    ) {
        self.init(
            name, expected: format.expected, words: format.words, standard: { format.write($0[keyPath: path]) },
            isSecret: isSecret, meaning,
            read: { value, target, faults in
                if let value = format.read(value, &faults) { target[keyPath: path] = value }
            })
    }

    /// A value that is nil when it is not set.
    init<Value>(
        _ name: String, optional path: any WritableKeyPath<Target, Value?> & Sendable, _ format: YAMLFormat<Value>,
        isSecret: Bool = false, _ meaning: String
    ) {
        self.init(
            name, expected: format.expected, words: format.words, standard: { $0[keyPath: path].map(format.write) },
            isSecret: isSecret, meaning,
            read: { value, target, faults in
                if let value = format.read(value, &faults) { target[keyPath: path] = value }
            })
    }

    /// What it has, as it would stand in a file; nil where it has nothing.
    func written(_ target: Target) -> String? { rows(target).first?.standard }

    /// A mapping in the mapping, whose keys are about a part of the target.
    init<Part>(
        _ name: String, _ path: any WritableKeyPath<Target, Part> & Sendable, _ mapping: YAMLMapping<Part>,
        _ meaning: String
    ) {
        self.init(
            name, expected: "a mapping", meaning, parts: { mapping.rows($0[keyPath: path]) },
            read: { value, target, faults in mapping.read(value, into: &target[keyPath: path], &faults) })
    }

    /// The same for a part that may be switched off and on, by these words.
    /// - Parameter standard: what its keys go by where it was off before.
    init<Part>(
        _ name: String, orOff path: any WritableKeyPath<Target, Part?> & Sendable, standard: Part,
        _ mapping: YAMLMapping<Part>, _ meaning: String
    ) {
        self.init(
            name, expected: "a mapping, on or off", standard: { $0[keyPath: path] == nil ? "off" : "on" }, meaning,
            parts: { mapping.rows($0[keyPath: path] ?? standard) },
            read: { value, target, faults in
                let isOn = SwitchText.parse(value.text)
                if isOn == false { return target[keyPath: path] = nil }
                var part = target[keyPath: path] ?? standard
                if isOn == nil { mapping.read(value, into: &part, &faults) }
                target[keyPath: path] = part
            })
    }

    /// A key of the design that nothing stands behind yet.
    static func notYet(_ name: String, _ meaning: String) -> Self {
        Self(
            name, expected: "nothing: not supported yet", meaning,
            read: { value, _, faults in faults.add("\(name) is not supported yet", at: value.place) })
    }

    /// A key of another file that says nothing here. The documentation is silent of it.
    static func ignored(_ name: String, _ why: String) -> Self {
        var key = Self(
            name, rows: { _ in [] }, read: { value, _, faults in faults.add("\(name): \(why)", at: value.place) })
        key.isHidden = true
        return key
    }
}

/// A key as the documentation shows it.
struct KeyRow: Sendable, Equatable {
    var path: [String]
    let expected: String
    let standard: String?
    let meaning: String
    /// The only texts that there are; empty where there are others.
    var words: [String] = []
    /// What a change asks for.
    var effect = ConfigurationEffect.live
    /// Whether its value must never be shown.
    var isSecret = false

    func within(_ name: String) -> KeyRow {
        var row = self
        row.path.insert(name, at: 0)
        return row
    }
}

/// The keys that a mapping may have.
struct YAMLMapping<Target: Sendable>: Sendable {
    let keys: [YAMLKey<Target>]
    private let check: @Sendable (Target, YAMLValue, inout YAMLFaults) -> Void

    /// - Parameter check: looks at the whole, where each key was right.
    init(
        _ keys: [YAMLKey<Target>],
        check: @escaping @Sendable (Target, YAMLValue, inout YAMLFaults) -> Void = { _, _, _ in }
    ) {
        self.keys = keys
        self.check = check
    }

    /// Reads its keys in the order in which they are declared, whatever their order in the file.
    func read(_ value: YAMLValue, into target: inout Target, _ faults: inout YAMLFaults) {
        let before = faults.all.count
        switch value.content {
        case .mapping(let entries):
            for entry in entries where !keys.contains(where: { $0.name == entry.key }) {
                faults.add(Nearest.unknownKey(entry, of: shown), at: entry.place)
            }
            for key in keys {
                guard let entry = entries.first(where: { $0.key == key.name }) else { continue }
                key.read(entry.shown, &target, &faults)
            }
        // `breaker:` with nothing behind it means its defaults.
        case .null: break
        case .text, .list, .unknown:
            faults.expect("a mapping with \(shown.count > 1 ? "some of " : "")\(names)", at: value)
        }
        if faults.all.count == before { check(target, value, &faults) }
    }

    func rows(_ standard: Target) -> [KeyRow] { keys.flatMap { $0.rows(standard) } }

    private var shown: [String] { keys.filter { !$0.isHidden }.map(\.name) }

    private var names: String { shown.joined(last: "and") }
}

extension YAMLValue.Entry {
    /// The value with the place where its faults are shown: one that is not there has no place but its key's.
    var shown: YAMLValue {
        if case .null = value.content { YAMLValue(content: .null, place: place) } else { value }
    }
}

/// Finds the name that was probably meant.
enum Nearest {
    /// The fault of a key that is none of these.
    static func unknownKey(_ entry: YAMLValue.Entry, of names: [String]) -> String {
        // A text with a comma, without quotes inside of { }, leaves its rest as a key: it may be a secret's.
        let shown = if case .null = entry.value.content { "" } else { " " + shownKey(entry.key) }
        guard let nearest = Self.name(to: String(known(entry.key)), of: names) else {
            return "the key\(shown) is not known here; there are \(names.joined(last: "and"))"
        }
        return "the key\(shown) is not known here: was \(nearest) meant?"
    }

    /// A key as a fault shows it, as far as keys go: to YAML `secret:word`, without a space, is one.
    static func shownKey(_ name: String) -> String {
        let key = known(name)
        let shown = String(key).truncated(toBytes: 64).replacingUnsafeCharacters()
        return key.endIndex == name.endIndex ? shown : shown + "…"
    }

    private static func known(_ name: String) -> Substring {
        name.prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "-" || $0 == "." }
    }

    static func name(to name: String, of names: [String]) -> String? {
        let word = name.lowercased()
        let best = names.map { ($0, ConfigurationTypos.distance(word, $0.lowercased())) }.min { $0.1 < $1.1 }
        let limit = name.count < 4 ? 1 : name.count < 9 ? 2 : 3
        guard let best, best.1 <= limit else {
            return names.first { word.count >= 3 && ($0.hasPrefix(word) || word.hasPrefix($0)) }
        }
        return best.0
    }
}

extension YAMLKey {
    /// The same key, where it is about a part of something larger.
    func about<Whole>(_ path: any WritableKeyPath<Whole, Target> & Sendable) -> YAMLKey<Whole> {
        var key = YAMLKey<Whole>(
            name, rows: { rows($0[keyPath: path]) },
            read: { value, whole, faults in read(value, &whole[keyPath: path], &faults) })
        key.isHidden = isHidden
        key.isSecret = isSecret
        return key
    }

    fileprivate init(
        _ name: String, rows: @escaping @Sendable (Target) -> [KeyRow],
        read: @escaping @Sendable (YAMLValue, inout Target, inout YAMLFaults) -> Void
    ) {
        self.name = name
        self.rows = rows
        self.read = read
    }
}
