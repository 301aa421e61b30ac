/// Reads one sample line byte by byte.
struct SampleParser {
    private let bytes: ArraySlice<UInt8>
    private var position: Int
    private let line: Int
    private let isOpenMetrics: Bool

    init(_ bytes: ArraySlice<UInt8>, line: Int, isOpenMetrics: Bool) {
        self.bytes = bytes
        self.line = line
        self.isOpenMetrics = isOpenMetrics
        position = bytes.startIndex
    }

    mutating func parse() throws(ExpositionProblem) -> ExpositionSample {
        let name = take { $0 != UInt8(ascii: "{") && $0 != UInt8(ascii: " ") }
        guard Self.isName(name) else { throw problem("not a metric name: \(name)") }
        let labels = peek() == UInt8(ascii: "{") ? try labels() : []
        try expect(" ")
        var sample = ExpositionSample(name: name, labels: labels, value: try number(), line: line)
        if position < bytes.endIndex, !isAt(" # ") {
            try expect(" ")
            sample.timestamp = try number()
        }
        if position < bytes.endIndex { sample.exemplar = try exemplar() }
        if position < bytes.endIndex { throw problem("something follows the sample") }
        return sample
    }

    static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return false
        }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: ":"):
                true
            default: false
            }
        }
    }

    private mutating func labels() throws(ExpositionProblem) -> [(name: String, value: String)] {
        try expect("{")
        var labels: [(name: String, value: String)] = []
        while peek() != UInt8(ascii: "}") {
            if !labels.isEmpty { try expect(",") }
            let name = take { $0 != UInt8(ascii: "=") }
            guard Self.isName(name), !name.utf8.contains(UInt8(ascii: ":")) else {
                throw problem("not a label name: \(name)")
            }
            guard !labels.contains(where: { $0.name == name }) else { throw problem("the label \(name) stands twice") }
            try expect("=")
            labels.append((name, try quoted()))
        }
        try expect("}")
        return labels
    }

    private mutating func quoted() throws(ExpositionProblem) -> String {
        try expect("\"")
        var value: [UInt8] = []
        while let byte = next() {
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: value, as: UTF8.self) else {
                    throw problem("a label value is not UTF-8")
                }
                return text
            case UInt8(ascii: "\\"):
                switch next() {
                case UInt8(ascii: "n"): value.append(UInt8(ascii: "\n"))
                case UInt8(ascii: "\\"): value.append(UInt8(ascii: "\\"))
                case UInt8(ascii: "\""): value.append(UInt8(ascii: "\""))
                default: throw problem("not an escape")
                }
            default: value.append(byte)
            }
        }
        throw problem("a label value does not end")
    }

    private mutating func exemplar() throws(ExpositionProblem) -> ExpositionSample.Exemplar {
        guard isOpenMetrics else { throw problem("only OpenMetrics has exemplars") }
        try expect(" # ")
        let labels = try labels()
        let length = labels.reduce(0) { $0 + $1.name.unicodeScalars.count + $1.value.unicodeScalars.count }
        guard length <= 128 else { throw problem("an exemplar's labels exceed 128 characters") }
        try expect(" ")
        var exemplar = ExpositionSample.Exemplar(labels: [:], value: try number())
        for label in labels { exemplar.labels[label.name] = label.value }
        if position < bytes.endIndex {
            try expect(" ")
            exemplar.timestamp = try number()
        }
        return exemplar
    }

    private mutating func number() throws(ExpositionProblem) -> Double {
        let text = take { $0 != UInt8(ascii: " ") }
        switch text {
        case "+Inf": return .infinity
        case "-Inf": return -.infinity
        case "NaN": return .nan
        default:
            guard let first = text.utf8.first, first != UInt8(ascii: "+"),
                text.utf8.allSatisfy({ "0123456789+-.eE".utf8.contains($0) }), let value = Double(text)
            else { throw problem("not a number: \(text)") }
            return value
        }
    }

    private func peek() -> UInt8? {
        position < bytes.endIndex ? bytes[position] : nil
    }

    private mutating func next() -> UInt8? {
        guard position < bytes.endIndex else { return nil }
        defer { position += 1 }
        return bytes[position]
    }

    private mutating func take(while condition: (UInt8) -> Bool) -> String {
        let part = bytes[position...].prefix(while: condition)
        position = part.endIndex
        return String(decoding: part, as: UTF8.self)
    }

    private func isAt(_ text: StaticString) -> Bool {
        bytes[position...].starts(with: text.withUTF8Buffer { Array($0) })
    }

    private mutating func expect(_ text: StaticString) throws(ExpositionProblem) {
        guard isAt(text) else { throw problem("expected \(text) at column \(position - bytes.startIndex + 1)") }
        position += text.utf8CodeUnitCount
    }

    private func problem(_ message: String) -> ExpositionProblem {
        ExpositionProblem(line: line, message: message)
    }
}
