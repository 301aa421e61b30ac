/// One value that is in force: where it stands in a file, what it is, and why it is that.
struct EffectiveValue: Sendable, Equatable {
    /// The keys that lead to it in a file: `destinations.slack.throttle.rate`.
    let path: [String]
    /// As it would stand in a file. A secret that is written out is not shown: ``hidden``.
    let text: String
    let origin: ValueOrigin
    /// What a change asks for.
    var effect = ConfigurationEffect.live
    /// What tells it from another one, where its text does not.
    var secret: Secret?

    /// Whether the text is a list or a mapping in one line, and no text that looks like one.
    var isFlow = false
    /// What its text says by several values, by their keys: `lanes` of `{key: repository, lanes: 8}`, `1` and `2` of `[5s, 1m]`.
    var parts: [String: String] = [:]

    static let hidden = "***"

    /// As it stands in a file, on one line.
    var written: String { isFlow ? text : YAMLText.quoted(text) }

    var name: String { path.joined(separator: ".") }

    /// What it is a part of that comes and goes as a whole: `sinks.slack`.
    var whole: String? {
        guard path.count > 2, ["sinks", "destinations", "sources"].contains(path[0]) else { return nil }
        return "\(path[0]).\(path[1])"
    }

    /// Whether both mean the same, wherever they come from.
    func isSame(as other: EffectiveValue) -> Bool { text == other.text && secret == other.secret }
}

/// Why a value is what it is.
enum ValueOrigin: Sendable, Hashable, CustomStringConvertible {
    case builtIn
    /// The kind of the sink wants it so.
    case kind(String)
    /// A line of `defaults`.
    case defaults(YAMLValue.Place)
    /// A line of the sink, the destination, or whatever it belongs to.
    case own(YAMLValue.Place)
    /// A variable of the environment.
    case environment(String)
    /// Swift, in a program of your own.
    case program

    /// A word for a metric's label.
    var word: String {
        switch self {
        case .builtIn: "built-in"
        case .kind: "kind"
        case .defaults: "defaults"
        case .own: "own"
        case .environment: "environment"
        case .program: "program"
        }
    }

    var description: String {
        switch self {
        case .builtIn: "built-in"
        case .kind(let name): "built-in, of kind \(name)"
        case .defaults(let place): "defaults, \(place.words)"
        case .own(let place): place.words
        case .environment(let name): name
        case .program: "the program"
        }
    }
}

extension YAMLValue.Place {
    /// `sluice.yaml:12`.
    var words: String {
        let file = file.map { String($0.split(separator: "/").last ?? "") } ?? "line "
        return "\(file):\(line)".replacing("line :", with: "line ").replacingUnsafeCharacters()
    }
}
