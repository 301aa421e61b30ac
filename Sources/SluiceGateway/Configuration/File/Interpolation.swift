/// Puts what `${…}` names in its place, in the values of a file and never in its keys: `${VAR}`, `${VAR:-default}`,
/// `${file:/run/secrets/x}`. `$${` is written for a `${` that is none.
struct Interpolation {
    /// Far more than a token or a certificate's password.
    static let largestFile = 65_536

    /// The value of a variable; nil where it is not set, or set to nothing.
    let variable: (String) -> String?
    /// What the paths of files begin with that are relative.
    let directory: String
    /// Stands for whatever is not there; nil makes that a fault.
    let placeholder: String?
    /// What was asked for.
    private(set) var variables: Set<String> = []
    private(set) var files: Set<String> = []

    init(directory: String, placeholder: String? = nil, variable: @escaping (String) -> String?) {
        self.directory = directory
        self.placeholder = placeholder
        self.variable = variable
    }

    /// The value with all its texts replaced.
    mutating func apply(_ value: YAMLValue, _ faults: inout YAMLFaults) -> YAMLValue {
        switch value.content {
        case .null: return value
        case .text(let text):
            if let name = bareVariable(text) {
                faults.add("a variable needs braces: write ${\(name)}", at: value.place)
                return YAMLValue(content: .unknown, place: value.place, written: text)
            }
            guard text.contains("${") else { return value }
            guard let replaced = replace(text, at: value.place, &faults) else {
                return YAMLValue(content: .unknown, place: value.place, written: text)
            }
            return YAMLValue(content: .text(replaced), place: value.place, written: text)
        case .list(let values):
            return YAMLValue(content: .list(values.map { apply($0, &faults) }), place: value.place)
        case .mapping(let entries):
            return YAMLValue(
                content: .mapping(
                    entries.map { .init(key: $0.key, place: $0.place, value: apply($0.value, &faults)) }),
                place: value.place)
        case .unknown: return value
        }
    }

    /// `$NAME`, where there is a variable of this name: as shells have it, and hardly a secret.
    private func bareVariable(_ text: String) -> String? {
        guard text.first == "$", Self.isName(text.dropFirst()) else { return nil }
        let name = String(text.dropFirst())
        return variable(name) == nil ? nil : name
    }

    /// - Returns: nil where a fault says why.
    private mutating func replace(
        _ text: String, at place: YAMLValue.Place, _ faults: inout YAMLFaults
    ) -> String? {
        var result = ""
        var rest = text[...]
        var isWhole = true
        while let start = rest.firstRange(of: "${") {
            if start.lowerBound > rest.startIndex, rest[rest.index(before: start.lowerBound)] == "$" {
                // A dollar before it makes it a text.
                result += rest[..<rest.index(before: start.lowerBound)] + "${"
                rest = rest[start.upperBound...]
                continue
            }
            result += rest[..<start.lowerBound]
            guard let end = rest[start.upperBound...].firstIndex(of: "}") else {
                faults.add("the `${` has no `}`; a text with `${` in it is written `$${`", at: place)
                return nil
            }
            if let value = value(of: rest[start.upperBound..<end], at: place, &faults) {
                result += value
            } else {
                isWhole = false
            }
            rest = rest[rest.index(after: end)...]
        }
        return isWhole ? result + rest : nil
    }

    private mutating func value(
        of reference: Substring, at place: YAMLValue.Place, _ faults: inout YAMLFaults
    ) -> String? {
        if reference.hasPrefix("file:") { return content(of: reference.dropFirst(5), at: place, &faults) }
        var name = reference
        var standard: Substring?
        if let mark = reference.firstRange(of: ":-") {
            name = reference[..<mark.lowerBound]
            standard = reference[mark.upperBound...]
        }
        guard Self.isName(name) else {
            faults.add(
                "expected ${VARIABLE}, ${VARIABLE:-default} or ${file:PATH}; a text with `${` in it is written `$${`",
                at: place)
            return nil
        }
        variables.insert(String(name))
        if let value = variable(String(name)) ?? standard.map(String.init) ?? placeholder { return value }
        faults.add("the variable \(name) is not set: set it, or write ${\(name):-default}", at: place)
        return nil
    }

    private mutating func content(
        of path: Substring, at place: YAMLValue.Place, _ faults: inout YAMLFaults
    ) -> String? {
        guard !path.isEmpty, !path.utf8.contains(0) else {
            faults.add("expected ${file:PATH}", at: place)
            return nil
        }
        let path = path.hasPrefix("/") || directory.isEmpty ? String(path) : "\(directory)/\(path)"
        files.insert(path)
        let shown = path.truncated(toBytes: 512).replacingUnsafeCharacters()
        let problem: String
        switch FileContent(path) {
        case .bytes(let bytes) where bytes.count > Self.largestFile: problem = "is larger than 64 KiB"
        case .tooLarge: problem = "is larger than 64 KiB"
        case .bytes(let bytes):
            guard var text = String(validating: bytes, as: UTF8.self), !text.utf8.contains(0) else {
                problem = "is not text in UTF-8"
                break
            }
            // Editors and `echo` put one newline at the end.
            if text.hasSuffix("\r\n") || text.hasSuffix("\n") { text.removeLast() }
            if !text.isEmpty { return text }
            problem = "is empty"
        case .missing: problem = "does not exist"
        case .unreadable: problem = "cannot be read"
        case .directory: problem = "is a directory"
        case .special: problem = "is a pipe or a device, and no file"
        }
        if let placeholder { return placeholder }
        faults.add("the file \(shown) \(problem)", at: place)
        return nil
    }

    private static func isName(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, first < 0x30 || first > 0x39, text.utf8.count <= 256 else { return false }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }
}
