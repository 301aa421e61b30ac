/// Reads variables as what they should be, and collects what is wrong with them.
struct ConfigurationValues {
    private let values: [String: String]
    var problems: [String] = []
    var warnings: [String] = []

    init(_ values: [String: String]) {
        self.values = values
    }

    /// Everything that is set, also what is not Sluice's.
    var all: [String: String] { values }

    func isSet(_ variable: ConfigurationVariable) -> Bool {
        text(variable) != nil
    }

    func text(_ variable: ConfigurationVariable) -> String? {
        guard let text = values[variable.name], !text.isEmpty else { return nil }
        return text
    }

    /// The value as `parse` reads it; where that gives nil, a problem says what was expected.
    mutating func read<Value>(
        _ variable: ConfigurationVariable, _ expectation: String, _ parse: (String) -> Value?
    ) -> Value? {
        guard let text = text(variable) else { return nil }
        if let value = parse(text) { return value }
        problems.append(
            "\(variable.name): expected \(expectation)" + (Self.isQuoted(text) ? ", without the quotes around it" : ""))
        return nil
    }

    /// `docker --env-file` and systemd's `Environment=` leave quotes where shells take them away.
    var quoteWarnings: [String] {
        GatewayConfiguration.variables.filter { text($0).map(Self.isQuoted) ?? false }.map {
            "\($0.name) begins and ends with a quote, which counts as part of it (docker --env-file leaves quotes there)"
        }
    }

    private static func isQuoted(_ text: String) -> Bool {
        guard text.utf8.count >= 2, let first = text.first, first == "\"" || first == "'" else { return false }
        return text.last == first
    }

    mutating func address(_ variable: ConfigurationVariable) -> BindAddress? {
        read(variable, "an address and a port, such as 127.0.0.1:8080, [::1]:8080, or :8080 for all interfaces") {
            BindAddress($0)
        }
    }

    mutating func path(_ variable: ConfigurationVariable) -> String? {
        read(variable, "a path") { $0.utf8.contains(0) ? nil : $0 }
    }

    mutating func boolean(_ variable: ConfigurationVariable) -> Bool? {
        read(variable, "true or false") {
            switch $0.lowercased() {
            case "true", "1", "yes", "on": true
            case "false", "0", "no", "off": false
            default: nil
            }
        }
    }

    mutating func seconds(_ variable: ConfigurationVariable, _ range: ClosedRange<Double>) -> Duration? {
        read(variable, "a number of seconds from \(Int(range.lowerBound)) to \(Int(range.upperBound))") {
            guard let seconds = Self.number($0), range.contains(seconds) else { return nil }
            return .milliseconds(Int64(seconds * 1_000))
        }
    }

    mutating func integer(_ variable: ConfigurationVariable, _ range: ClosedRange<Int>) -> Int? {
        read(variable, "a whole number from \(range.lowerBound) to \(range.upperBound)") { text in
            text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 })
                ? Int(text).flatMap { range.contains($0) ? $0 : nil } : nil
        }
    }

    mutating func days(_ variable: ConfigurationVariable, _ range: ClosedRange<Double>) -> Duration? {
        read(variable, "a number of days from \(range.lowerBound) to \(Int(range.upperBound))") {
            guard let days = Self.number($0), range.contains(days) else { return nil }
            return .seconds(Int64(days * 86_400))
        }
    }

    /// A number of bytes, with or without a unit.
    mutating func bytes(_ variable: ConfigurationVariable, _ range: ClosedRange<Int64>) -> Int64? {
        read(variable, "a size such as 500MB or 1GiB, from \(range.lowerBound) bytes to \(range.upperBound >> 40) TiB")
        {
            text in
            let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            let unit = text.dropFirst(digits.count).drop { $0 == " " }.lowercased()
            guard let number = Self.number(String(digits)), let factor = Self.units[unit] else { return nil }
            let bytes = number * Double(factor)
            guard bytes >= Double(range.lowerBound), bytes <= Double(range.upperBound) else { return nil }
            return Int64(bytes)
        }
    }

    private static let units: [String: Int64] = [
        "": 1, "b": 1, "kb": 1_000, "mb": 1_000_000, "gb": 1_000_000_000, "tb": 1_000_000_000_000, "kib": 1 << 10,
        "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
    ]

    /// Digits, and a point at most.
    private static func number(_ text: String) -> Double? {
        text.utf8.allSatisfy { ($0 >= 0x30 && $0 <= 0x39) || $0 == UInt8(ascii: ".") } ? Double(text) : nil
    }

    mutating func choice<Value>(
        _ variable: ConfigurationVariable, _ values: [Value], named name: (Value) -> String
    ) -> Value? {
        read(variable, "one of " + values.map(name).joined(separator: ", ")) { text in
            values.first { name($0) == text.lowercased() }
        }
    }

    mutating func secret(_ variable: ConfigurationVariable) -> Secret? {
        if let text = text(variable), text.first?.isWhitespace == true || text.last?.isWhitespace == true {
            warnings.append("\(variable.name) begins or ends with whitespace, which counts as part of it")
        }
        return text(variable).map { Secret($0) }
    }

    /// A secret that travels in a header.
    mutating func token(_ variable: ConfigurationVariable) -> Secret? {
        read(variable, "visible ASCII characters without spaces") {
            $0.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } ? Secret($0) : nil
        }
    }

    mutating func url(_ variable: ConfigurationVariable) -> String? {
        read(variable, "an address that begins with https:// or http://, without user, password, or fragment") {
            Self.isWebAddress($0) ? $0 : nil
        }
    }

    static func isWebAddress(_ text: String) -> Bool {
        guard let scheme = ["https://", "http://"].first(where: { text.lowercased().hasPrefix($0) }),
            text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") && $0 != UInt8(ascii: "\\") })
        else { return false }
        let authority = text.dropFirst(scheme.count).prefix { $0 != "/" && $0 != "?" }
        guard !authority.utf8.contains(UInt8(ascii: "@")) else { return false }
        let hasPort = authority.hasPrefix("[") ? authority.contains("]:") : authority.contains(":")
        guard let address = BindAddress(hasPort ? String(authority) : "\(authority):80") else { return false }
        return address.host != nil && address.port != 0
    }

    mutating func grafana() -> GatewayConfiguration.Grafana? {
        let hasURL = isSet(.grafanaURL)
        let url = url(.grafanaURL)
        let token = token(.grafanaToken)
        let credentials = read(.grafanaCredentials, "user:password") {
            text -> GatewayConfiguration.Grafana.Credentials? in
            guard let colon = text.firstIndex(of: ":"), colon > text.startIndex,
                !text.unicodeScalars.contains(where: \.isUnsafe)
            else { return nil }
            return .basic(user: String(text[..<colon]), password: Secret(String(text[text.index(after: colon)...])))
        }
        guard hasURL else {
            if isSet(.grafanaCredentials) || isSet(.grafanaToken) {
                warnings.append("GRAFANA_CREDENTIALS or GRAFANA_TOKEN is set without GRAFANA_URL: no annotations")
            }
            return nil
        }
        switch (isSet(.grafanaCredentials), isSet(.grafanaToken)) {
        case (true, true):
            problems.append("GRAFANA_TOKEN: expected only one of GRAFANA_CREDENTIALS and GRAFANA_TOKEN")
        case (false, false):
            problems.append("GRAFANA_URL: expected GRAFANA_CREDENTIALS or GRAFANA_TOKEN beside it")
        default: break
        }
        guard var url, let access = token.map(GatewayConfiguration.Grafana.Credentials.token) ?? credentials else {
            return nil
        }
        if url.utf8.contains(UInt8(ascii: "?")) {
            problems.append("GRAFANA_URL: expected an address without a query")
        }
        while url.hasSuffix("/") { url.removeLast() }
        return GatewayConfiguration.Grafana(url: url, credentials: access)
    }
}
