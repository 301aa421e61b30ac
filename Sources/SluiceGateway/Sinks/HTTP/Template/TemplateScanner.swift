/// Looks through a template before it is compiled: names that there are not, sections that do not close, tags that are
/// not taken, and values that stand where they could be taken for more than a value.
///
/// It holds a template to less than Mustache allows. Partials, inheritance, lambdas, other delimiters and pragmas are refused, so
/// that a template ends, and gives no more than its own text and the values that it names.
struct TemplateScanner {
    /// Far more than a person writes; the compiler's time grows with the square of both.
    static let maximumSize = 64 << 10
    static let maximumBraces = 2_000
    private static let maximumDepth = 32
    private static let maximumName = 100

    private struct Section {
        let name: String
        let line: Int
        let column: Int
        /// Where in JSON it begins, and so has to end.
        let place: JSONPlace
        /// Whether `.` stands for its value.
        let isText: Bool
    }

    private let characters: [Character]
    private let format: TemplateFormat
    private let showsNames: Bool
    private var index = 0
    private var line = 1
    private var column = 1
    private var sections: [Section] = []
    private var json = JSONPlace.outside
    /// The template in pieces, comments aside.
    private(set) var pieces: [TemplatePiece] = []

    private init(_ text: String, _ format: TemplateFormat, showsNames: Bool) {
        characters = Array(text)
        self.format = format
        self.showsNames = showsNames
    }

    /// - Parameter showsNames: whether a fault may repeat a name out of the template.
    /// - Returns: the template in pieces, comments aside.
    static func scan(
        _ text: String, as format: TemplateFormat, showsNames: Bool = true
    ) throws(TemplateFault) -> [TemplatePiece] {
        guard text.utf8.count <= maximumSize else {
            throw TemplateFault(line: 1, column: 1, text: "expected at most \(maximumSize >> 10) KiB")
        }
        guard text.utf8.count(where: { $0 == UInt8(ascii: "{") }) <= maximumBraces else {
            throw TemplateFault(line: 1, column: 1, text: "expected at most \(maximumBraces) opening braces")
        }
        var scanner = TemplateScanner(text, format, showsNames: showsNames)
        try scanner.scan()
        return scanner.pieces
    }

    private mutating func scan() throws(TemplateFault) {
        while index < characters.count {
            if isNext("{{") {
                try tag()
            } else {
                text()
            }
        }
        if let section = sections.last {
            throw fault("the section \(shown(section.name)) is not closed", section.line, section.column)
        }
        // The compiler looks for a second one.
        if characters.last == "{" { throw fault("a { at the end", line, max(1, column - 1)) }
    }

    private mutating func text() {
        let (start, line, column) = (index, self.line, self.column)
        repeat {
            if format == .json { for scalar in characters[index].unicodeScalars { json.pass(scalar) } }
            advance()
        } while index < characters.count && !isNext("{{")
        pieces.append(TemplatePiece(kind: .text(String(characters[start..<index])), line: line, column: column))
    }

    private mutating func tag() throws(TemplateFault) {
        let (line, column) = (self.line, self.column)
        advance(by: 2)
        switch index < characters.count ? characters[index] : " " {
        case "!":
            while index < characters.count, !isNext("}}") { advance() }
            guard isNext("}}") else { throw fault("the comment has no end", line, column) }
            advance(by: 2)
        case ">", "<", "$": throw fault("partials and inheritance are not taken", line, column)
        case "=", "%": throw fault("delimiters and pragmas cannot be changed", line, column)
        case "#", "^":
            let isInverted = characters[index] == "^"
            advance()
            try open(try name(from: (line, column)), isInverted, line, column)
        case "/":
            advance()
            try close(try name(from: (line, column)), line, column)
        case "{":
            advance()
            let name = try name(from: (line, column))
            guard isNext("}") else { throw fault("expected }}} at the end of the tag", line, column) }
            advance()
            try variable(name, line, column)
        case "&":
            advance()
            try variable(try name(from: (line, column)), line, column)
        default: try variable(try name(from: (line, column)), line, column)
        }
    }

    // MARK: Tags

    private mutating func open(
        _ name: String, _ isInverted: Bool, _ line: Int, _ column: Int
    ) throws(TemplateFault) {
        guard let field = TemplateField.named(name) else { throw unknown(name, line, column) }
        guard field.kind != .number else {
            throw fault("\(shown(name)) is a number and no section", line, column)
        }
        guard sections.count < Self.maximumDepth else {
            throw fault("expected at most \(Self.maximumDepth) sections in one another", line, column)
        }
        try refuseAfterBackslash(line, column)
        pieces.append(TemplatePiece(kind: .open(field, isInverted: isInverted), line: line, column: column))
        sections.append(
            Section(
                name: name, line: line, column: column, place: json, isText: field.kind == .text && !isInverted))
    }

    private mutating func close(_ name: String, _ line: Int, _ column: Int) throws(TemplateFault) {
        guard let section = sections.popLast() else {
            throw fault("no section is open that \(shown(name)) could close", line, column)
        }
        guard section.name == name else {
            throw fault(
                "expected the end of the section \(shown(section.name)) of line \(section.line)", line, column)
        }
        try refuseAfterBackslash(line, column)
        guard section.place == json else {
            throw fault("a section of JSON has to close the quotes that it opens", line, column)
        }
        pieces.append(TemplatePiece(kind: .close, line: line, column: column))
    }

    private mutating func variable(_ expression: String, _ line: Int, _ column: Int) throws(TemplateFault) {
        var name = expression[...]
        var filters = 0
        while let bracket = name.firstIndex(of: "("), name.last == ")", filters < 4 {
            let filter = String(name[..<bracket])
            guard TemplateFilter(filter) != nil else {
                let hint = Nearest.name(to: filter, of: TemplateFilter.names).map { ": was \($0) meant?" } ?? ""
                throw fault(
                    showsNames ? "there is no filter \(filter)\(hint)" : "there is no such filter", line, column)
            }
            name = name[name.index(after: bracket)...].dropLast()
            filters += 1
        }
        try refuseAfterBackslash(line, column)
        let kind: TemplateField.Kind
        if name == "." {
            guard sections.contains(where: \.isText) else {
                throw fault("{{.}} is the value of the section around it: there is none", line, column)
            }
            kind = .text
        } else {
            guard let field = TemplateField.named(String(name)) else { throw unknown(String(name), line, column) }
            kind = field.kind
        }
        if filters > 0, kind != .text { throw fault("filters are for texts", line, column) }
        if format == .json, kind == .text, json != .inString {
            throw fault(
                "a text outside of quotes in a body of JSON: expected \"{{\(shown(expression))}}\"", line, column)
        }
        pieces.append(TemplatePiece(kind: .value(kind), line: line, column: column))
    }

    private func refuseAfterBackslash(_ line: Int, _ column: Int) throws(TemplateFault) {
        if json == .escaped { throw fault("a backslash in front of a tag", line, column) }
    }

    // MARK: Text

    /// The name in a tag, and past the end of it.
    private mutating func name(from start: (line: Int, column: Int)) throws(TemplateFault) -> String {
        skipBlanks()
        var name = ""
        while index < characters.count, Self.isNameCharacter(characters[index]) {
            name.append(characters[index])
            advance()
            guard name.count <= Self.maximumName else { throw fault("the name is too long", start.line, start.column) }
        }
        skipBlanks()
        guard !name.isEmpty, isNext("}}") else {
            throw fault("expected a name and }} behind {{", start.line, start.column)
        }
        advance(by: 2)
        return name
    }

    private mutating func skipBlanks() {
        while index < characters.count, characters[index].isWhitespace { advance() }
    }

    private func isNext(_ text: String) -> Bool { characters[index...].starts(with: text) }

    private mutating func advance(by count: Int = 1) {
        for _ in 0..<count where index < characters.count {
            if characters[index].isNewline {
                line += 1
                column = 1
            } else {
                column += 1
            }
            index += 1
        }
    }

    private static func isNameCharacter(_ character: Character) -> Bool {
        guard character.isASCII else { return false }
        return character.isLetter || character.isNumber || "._()".contains(character)
    }

    // MARK: Faults

    private func fault(_ text: String, _ line: Int, _ column: Int) -> TemplateFault {
        TemplateFault(line: line, column: column, text: text)
    }

    private func shown(_ name: String) -> String { showsNames ? name : "…" }

    private func unknown(_ name: String, _ line: Int, _ column: Int) -> TemplateFault {
        guard showsNames else { return fault("there is no such field", line, column) }
        let all = TemplateField.all.flatMap(\.names)
        let hint = Nearest.name(to: name, of: all).map { "was \($0) meant?" } ?? "there are \(all.joined(last: "and"))"
        return fault("there is no field \(name): \(hint)", line, column)
    }
}

/// Where in a JSON text one is, as far as it matters where strings begin and end.
enum JSONPlace: Equatable {
    case outside, inString
    /// In a string, behind a backslash.
    case escaped

    mutating func pass(_ scalar: Unicode.Scalar) {
        switch (self, scalar) {
        case (.outside, "\""), (.escaped, _): self = .inString
        case (.inString, "\""): self = .outside
        case (.inString, "\\"): self = .escaped
        default: break
        }
    }
}
