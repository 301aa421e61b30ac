public import Sluice

extension AMQPConfiguration {
    /// Reads a URI such as `amqps://user:password@one.example,two.example:5671/orders?heartbeat=10`.
    ///
    /// Percent-encoding is as RabbitMQ's specification has it (<https://www.rabbitmq.com/uri-spec.html>), and so is the
    /// virtual host, but for one thing: with nothing behind the slash it is `/`, as without the slash and as `%2f` says.
    /// The specification takes it for the empty name, which no broker has; RabbitMQ's own tutorials and its client for
    /// Go write `amqp://guest:guest@localhost:5672/` for the default. Several hosts are separated by commas.
    /// Options, as RabbitMQ's clients name them (<https://www.rabbitmq.com/uri-query-parameters.html>): `heartbeat`
    /// in seconds, `connection_timeout` in milliseconds, `channel_max`, `frame_max`, `name`, and for `amqps`
    /// `cacertfile`, `certfile`, `keyfile`, `password` (the key's), `verify` (`verify_peer` or `verify_none`).
    /// - Throws: `ConfigurationError` that names `AMQPConfiguration.uri`, or the field that an option sets. It says what is
    ///   wrong and shows nothing of the URI, because a password may be anywhere in it.
    public init(uri: String) throws(ConfigurationError) {
        var configuration = AMQPConfiguration()
        var rest = Substring(uri)
        let isSecure: Bool
        let scheme = rest.prefix { $0 != ":" }.lowercased()
        switch scheme {
        case "amqp": isSecure = false
        case "amqps": isSecure = true
        default: throw Self.wrong("it must begin with amqp:// or amqps://")
        }
        rest = rest.dropFirst(scheme.count)
        guard rest.hasPrefix("://") else { throw Self.wrong("it must begin with amqp:// or amqps://") }
        rest = rest.dropFirst(3)
        guard rest.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
            throw Self.wrong("it holds a space or a control character")
        }
        guard !rest.contains("#") else { throw Self.wrong("it has a fragment: write # as %23") }

        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        rest = rest.dropFirst(authority.count)
        let path = rest.prefix { $0 != "?" }
        let query = rest.dropFirst(path.count).dropFirst()

        if isSecure { configuration.tls = TLS() }
        let at = authority.lastIndex(of: "@")
        if let at { try configuration.take(userInfo: authority[..<at]) }
        let hosts = at.map { authority[authority.index(after: $0)...] } ?? authority
        configuration.hosts = try Self.hosts(hosts, defaultPort: isSecure ? 5671 : 5672)
        if !path.isEmpty {
            let segment = path.dropFirst()
            guard !segment.contains("/") else {
                throw Self.wrong("the virtual host holds a slash: write it as %2f")
            }
            if !segment.isEmpty { configuration.vhost = try Self.decode(segment, "the virtual host") }
        }
        for option in query.split(separator: "&") { try configuration.take(option: option) }
        if let tls = configuration.tls {
            if tls.certificate != nil, tls.key == nil { throw Self.wrong("certfile needs keyfile beside it") }
            if tls.key != nil, tls.certificate == nil { throw Self.wrong("keyfile needs certfile beside it") }
        }
        try configuration.validate()
        self = configuration
    }

    private mutating func take(userInfo: Substring) throws(ConfigurationError) {
        let name = userInfo.prefix { $0 != ":" }
        username = try Self.decode(name, "the user")
        if name.endIndex < userInfo.endIndex {
            password = try Self.decode(userInfo[userInfo.index(after: name.endIndex)...], "the password")
        }
    }

    private static func hosts(_ list: Substring, defaultPort: UInt16) throws(ConfigurationError) -> [Host] {
        if list.isEmpty { return [Host("localhost", port: defaultPort)] }
        var hosts: [Host] = []
        for text in list.split(separator: ",", omittingEmptySubsequences: false) {
            var text = text
            let name: String
            if text.first == "[" {
                guard let end = text.firstIndex(of: "]") else { throw wrong("an IPv6 address has no closing bracket") }
                name = String(text[text.index(after: text.startIndex)..<end])
                guard !name.isEmpty, name.allSatisfy({ $0.isHexDigit || $0 == ":" || $0 == "." || $0 == "%" }) else {
                    throw wrong("what is in brackets is not an IPv6 address")
                }
                text = text[text.index(after: end)...]
            } else {
                let part = text.prefix { $0 != ":" }
                name = try decode(part, "a host")
                text = text.dropFirst(part.count)
            }
            guard !name.isEmpty else { throw wrong("a host is empty") }
            guard let first = text.first else {
                hosts.append(Host(name, port: defaultPort))
                continue
            }
            let digits = text.dropFirst()
            guard first == ":", digits.utf8.allSatisfy({ (48...57).contains($0) }), let port = UInt16(digits), port > 0
            else { throw wrong("a port is not a number from 1 to 65535") }
            hosts.append(Host(name, port: port))
        }
        return hosts
    }

    private mutating func take(option: Substring) throws(ConfigurationError) {
        let name = option.prefix { $0 != "=" }
        let value = try Self.decode(option.dropFirst(name.count).dropFirst(), "the option \(Self.known(name))")
        func number(upTo limit: Int) throws(ConfigurationError) -> Int {
            guard let number = Int(value), number >= 0, number <= limit else {
                throw Self.wrong("the option \(name) is not a number from 0 to \(limit)")
            }
            return number
        }
        switch name {
        case "heartbeat": heartbeat = .seconds(try number(upTo: 65_535))
        case "connection_timeout": connectTimeout = .milliseconds(try number(upTo: 3_600_000))
        case "channel_max":
            let number = try number(upTo: 65_535)
            if number > 0 { channelMax = UInt16(number) }
        case "frame_max":
            let number = try number(upTo: 1 << 20)
            if number > 0 { frameMax = number }
        case "name": connectionName = value
        case "cacertfile", "certfile", "keyfile", "password", "verify":
            guard tls != nil else { throw Self.wrong("the option \(name) needs amqps://") }
            switch name {
            case "cacertfile": tls?.certificateAuthorities = value
            case "certfile": tls?.certificate = value
            case "keyfile": tls?.key = value
            case "password": tls?.keyPassword = value
            default:
                guard value == "verify_peer" || value == "verify_none" else {
                    throw Self.wrong("the option verify must be verify_peer or verify_none")
                }
                tls?.verifiesPeer = value == "verify_peer"
                tls?.verifiesHostname = value == "verify_peer"
            }
        default:
            throw Self.wrong(
                "it has an option that is none of \(Self.options.joined(separator: ", "))")
        }
    }

    private static let options = [
        "heartbeat", "connection_timeout", "channel_max", "frame_max", "name", "cacertfile", "certfile", "keyfile",
        "password", "verify",
    ]

    /// A misplaced password must not be shown as the name of an option.
    private static func known(_ name: Substring) -> String {
        options.first { $0 == name } ?? "at the end"
    }

    private static func decode(_ text: Substring, _ what: String) throws(ConfigurationError) -> String {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return String(text) }
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = rest.prefix(2)
            guard digits.count == 2, digits.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit }),
                let decoded = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
            else { throw wrong("\(what) holds a % that two hexadecimal digits do not follow") }
            bytes.append(decoded)
            rest = rest.dropFirst(2)
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else { throw wrong("\(what) is not UTF-8") }
        return decoded
    }

    private static func wrong(_ detail: String) -> ConfigurationError {
        ConfigurationError("AMQPConfiguration.uri", expected: "an AMQP URI: \(detail)")
    }
}
