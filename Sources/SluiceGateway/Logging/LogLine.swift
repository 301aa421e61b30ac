import Logging
import Sluice

/// One entry of the log as bytes: a single line, whatever its texts hold.
struct LogLine {
    var time: Timestamp
    var level: Logger.Level
    var label: String
    var message: String
    var metadata: Logger.Metadata

    /// The line, its end included. Metadata comes last, sorted by name; a name that the line has itself gets `meta_`
    /// in front.
    func bytes(_ format: LogFormat) -> [UInt8] {
        var line = format == .json ? json() : text()
        line.append(0x0A)
        return line
    }

    private var sorted: [(name: String, value: Logger.Metadata.Value)] {
        metadata.map { (Self.ownNames.contains($0.key) ? "meta_\($0.key)" : $0.key, $0.value) }
            .sorted { $0.0 < $1.0 }
    }

    private static let ownNames: Set<String> = ["time", "level", "label", "message"]

    // MARK: Text

    private func text() -> [UInt8] {
        var line: [UInt8] = []
        line.reserveCapacity(256)
        Self.append("time", RFC3339.format(time), to: &line)
        Self.append("level", level.rawValue, to: &line)
        Self.append("label", label, to: &line)
        Self.append("message", message, to: &line)
        for (name, value) in sorted {
            switch value {
            case .array, .dictionary:
                var writer = JSONWriter()
                Self.write(value, &writer)
                Self.append(name, String(decoding: writer.bytes, as: UTF8.self), to: &line)
            default: Self.append(name, value.description, to: &line)
            }
        }
        return line
    }

    private static func append(_ name: String, _ value: String, to line: inout [UInt8]) {
        if !line.isEmpty { line.append(0x20) }
        // An empty name, or one with a space or an equals sign, would make two pairs of one.
        line.append(contentsOf: name.isEmpty ? [UInt8(ascii: "_")] : name.utf8.map(nameByte))
        line.append(UInt8(ascii: "="))
        if isBare(value) {
            line.append(contentsOf: value.utf8)
        } else {
            line.append(UInt8(ascii: "\""))
            appendEscaped(value, to: &line)
            line.append(UInt8(ascii: "\""))
        }
    }

    private static func nameByte(_ byte: UInt8) -> UInt8 {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "."), UInt8(ascii: "-"): byte
        default: UInt8(ascii: "_")
        }
    }

    private static func isBare(_ value: String) -> Bool {
        !value.isEmpty
            && value.utf8.allSatisfy {
                $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "=")
                    && $0 != UInt8(ascii: "\\")
            }
    }

    /// As inside of a JSON string, and beyond JSON's duty whatever breaks lines or turns text around.
    private static func appendEscaped(_ text: String, to line: inout [UInt8]) {
        guard text.hasUnsafeCharacters else { return JSONWriter.append(escaped: text, to: &line) }
        for scalar in text.unicodeScalars {
            if scalar.isUnsafe, scalar.value >= 0x7F, let unit = UInt16(exactly: scalar.value) {
                line.append(contentsOf: JSONWriter.escape(unit))
            } else {
                JSONWriter.append(escaped: String(scalar), to: &line)
            }
        }
    }

    // MARK: JSON

    private func json() -> [UInt8] {
        JSONWriter.object { json in
            json.member("time", RFC3339.format(time))
            json.member("level", level.rawValue)
            json.member("label", label)
            json.member("message", message)
            for (name, value) in sorted {
                json.name(name)
                Self.write(value, &json)
            }
        }
    }

    private static func write(_ value: Logger.Metadata.Value, _ json: inout JSONWriter) {
        switch value {
        case .array(let values):
            json.array { json in
                for value in values { write(value, &json) }
            }
        case .dictionary(let values):
            json.object { json in
                for (name, value) in values.sorted(by: { $0.key < $1.key }) {
                    json.name(name)
                    write(value, &json)
                }
            }
        default: json.string(value.description)
        }
    }
}
