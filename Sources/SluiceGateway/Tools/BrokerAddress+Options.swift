/// Which options which address can honour. What it cannot is an error before anything is read: an option that does
/// nothing leads to what its author wanted to avoid.
extension BrokerAddress {
    /// - Throws: ``ToolError`` that names the first option which this address cannot honour, and why.
    public func validate(_ options: ConsumeOptions) throws(ToolError) {
        switch self {
        case .sqlite:
            if options.group != nil, let start = options.start, start != .beginning {
                throw ToolError("--start: a group on the embedded log begins at the beginning, or goes on where it was")
            }
        case .kafka: break
        case .amqp:
            if options.group != nil {
                throw ToolError("--group: a queue of RabbitMQ has no groups: all that read it share its messages")
            }
            if options.start != nil {
                throw ToolError("--start: a queue of RabbitMQ gives its oldest message first, and has no other place")
            }
            if options.leavesMessages, let count = options.count, count > ConsumeOptions.mostUnsettled {
                throw ToolError(
                    "--count: RabbitMQ lends \(ConsumeOptions.mostUnsettled) messages at most to look at (--peek)")
            }
        case .http(let url):
            if options.group != nil { throw ToolError("--group: HTTP has no groups") }
            if options.start != nil { throw ToolError("--start: requests are taken in from now on") }
            if options.leavesMessages { throw ToolError("--peek: a request is answered once it has been written") }
            if Self.listening(url) == nil {
                throw ToolError(
                    "--from: listens on this machine alone: expected a loopback address such as http://127.0.0.1:8080")
            }
        }
        if options.commitTimeout != nil {
            guard case .kafka = self, options.group != nil else {
                throw ToolError("--commit-timeout: only a group on Kafka has a last commit to wait for")
            }
        }
        if options.leavesMessages, options.group != nil {
            throw ToolError("--peek: a group settles what it reads")
        }
    }

    /// - Throws: ``ToolError`` when messages get a key where they cannot have one.
    public func validate(publishingWithKey hasKey: Bool) throws(ToolError) {
        switch self {
        case .sqlite, .kafka: break
        case .amqp: if hasKey { throw ToolError("--key: messages of RabbitMQ have no keys") }
        case .http: if hasKey { throw ToolError("--key: requests have no keys") }
        }
    }

    /// Where requests are taken in, when it is an address that only this machine can reach.
    static func listening(_ url: String) -> BindAddress? {
        guard url.hasPrefix("http://"), let address = BindAddress(String(url.dropFirst("http://".count))),
            address.isLoopback, address.host != nil
        else { return nil }
        return address
    }
}

extension ConsumeOptions {
    /// As many messages may be out on a channel of RabbitMQ (`basic.qos` counts in 16 bits).
    static let mostUnsettled = 65_535

    func with(start: Start?) -> ConsumeOptions {
        var options = self
        options.start = start
        return options
    }

    /// After how many messages to end; nil for none.
    public func limit(on address: BrokerAddress) -> Int? {
        guard case .amqp = address, leavesMessages else { return count }
        return count ?? 1_000
    }
}
