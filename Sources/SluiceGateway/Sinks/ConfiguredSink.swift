public import Sluice

/// A sink under a name of its own, with what is set about it.
///
/// ```swift
/// let gateway = try Gateway(configuration, sinks: [.init("audit", AuditSink(), ordering: .serial, start: .beginning)])
/// ```
public struct ConfiguredSink: Sendable {
    /// The sink's name in the log, in `/readyz`, in metrics and commands: 1 to 64 of the characters a-z, A-Z, 0-9, `.`,
    /// `_` and `-`. Each sink has one of its own.
    public let name: String
    /// What makes it.
    public var options: any SinkOptions
    /// Where it begins if it was not there before. Default `.now`.
    public var start: ReaderStart
    /// How its events may overlap. Default: as its kind wants it.
    public var ordering: Ordering
    /// How fast events may go there. Default: as its kind wants it.
    public var throttle: Throttle?
    /// The route that delivers to it, which is its consumer group on the queue and knows how far it is. Default: `log-to-` and
    /// the name; a name that begins that way is its own group.
    public var group: String
    /// The outside system that it delivers to, by its name: sinks that name the same share its limits. Default: its own name.
    public var destination: String
    /// The events that it gets. Default nil: all.
    public var only: EventFilter?
    /// Nil: as the configuration says for all.
    var policy: SinkPolicy?

    /// A sink of a kind, by the kind's options.
    public init(_ name: String, _ options: some SinkOptions, start: ReaderStart = .now) {
        self.name = name
        self.options = options
        self.start = start
        ordering = options.ordering
        throttle = options.throttle
        group = Self.group(name)
        destination = name
    }

    /// A sink of your own.
    /// - Parameters:
    ///   - name: see ``name``.
    ///   - sink: what takes the events.
    ///   - ordering: `.serial`, the default: one event after the other. `.perKey(lanes:)`: a repository's in order.
    ///   - start: where it begins when it is new. Default: with what comes from now on.
    ///   - throttle: how fast events may go there. Default nil: as fast as it takes them.
    public init(
        _ name: String, _ sink: any Sink, ordering: Ordering = .serial, start: ReaderStart = .now,
        throttle: Throttle? = nil
    ) {
        self.init(name, OwnSink(sink: sink, ordering: ordering, throttle: throttle), start: start)
    }

    /// A topic of any broker that events are handed on to, as they stand on the queue.
    public init(
        _ name: String, publishingTo publisher: any Publisher, _ topic: Topic, ordering: Ordering = .serial,
        start: ReaderStart = .now
    ) {
        self.init(name, PublishingSink(publisher: publisher, topic: topic), ordering: ordering, start: start)
    }

    /// The group that a sink of this name has when nothing else is said.
    static func group(_ name: String) -> String {
        name.hasPrefix(groupPrefix) ? name : groupPrefix + name
    }

    private static let groupPrefix = "log-to-"
}

extension ConfiguredSink {
    fileprivate func problems(_ field: String) -> [ConfigurationError.Problem] {
        do throws(ConfigurationError) {
            try ConfigurationCheck.all(of: field) { check in
                check(
                    "ordering", ordering.concurrency >= 1, expected: "at least 1 at once",
                    value: "\(ordering.concurrency)")
                check.include { () throws(ConfigurationError) in try throttle?.validate("\(field).throttle") }
            }
            return []
        } catch {
            return error.problems
        }
    }
}

private struct OwnSink: SinkOptions {
    let sink: any Sink
    let ordering: Ordering
    let throttle: Throttle?

    var isReachedOverHTTP: Bool { false }

    func makeSink(_ parts: SinkParts) -> any Sink { sink }
}

extension [ConfiguredSink] {
    /// Those that cannot have their name, ordering or throttle.
    var problems: [ConfigurationError.Problem] {
        var names: Set<String> = []
        var groups: Set<String> = [DeploymentsRoute.name, LogTransfer.name]
        return enumerated().flatMap { index, sink -> [ConfigurationError.Problem] in
            guard SinkName.isValid(sink.name) else { return [SinkName.problem("sinks[\(index)]", sink.name)] }
            let field = "sinks.\(sink.name)"
            guard names.insert(sink.name).inserted else {
                return [.init(field, expected: "a name of its own: this one is taken")]
            }
            guard SinkName.isValid(sink.destination) else {
                return [SinkName.problem("\(field).destination", sink.destination)]
            }
            guard SinkName.isValid(sink.group) else { return [SinkName.problem("\(field).group", sink.group)] }
            for group in sink.groups where !groups.insert(group).inserted {
                return [.init("\(field).group", expected: "a group of its own: \(group) is taken")]
            }
            if sink.options.digests {
                guard sink.group.utf8.count <= ReaderPart.longestGroup else {
                    return [
                        .init(
                            "\(field).group",
                            expected: "at most \(ReaderPart.longestGroup) bytes, for a sink with a digest")
                    ]
                }
                guard sink.ordering == .serial else {
                    return [.init("\(field).ordering", expected: "serial, for a sink with a digest")]
                }
            }
            guard sink.only?.wantsIncidents != true || sink.group.utf8.count <= ReaderPart.longestGroup else {
                return [
                    .init(
                        "\(field).group", expected: "at most \(ReaderPart.longestGroup) bytes, for a sink of incidents")
                ]
            }
            if sink.only?.wantsIncidents == true, let fault = sink.options.faultWithIncidents {
                return [.init("\(field).\(fault.key)", expected: "something else: \(fault.text)")]
            }
            guard sink.only?.matchesSomething ?? true else {
                return [.init("\(field).only", expected: "entries that an event can match")]
            }
            return sink.problems(field)
        }
    }
}

/// What sinks and sources may be called.
enum SinkName {
    static let longest = 64
    static let expectation = "1 to \(longest) of the characters a-z, A-Z, 0-9, '.', '_' and '-'"

    static func problem(_ field: String, _ name: String) -> ConfigurationError.Problem {
        .init(field, expected: "a name of \(expectation)", value: shown(name))
    }

    /// A wrong name, for an error.
    static func shown(_ name: String) -> String {
        let start = name.truncated(toBytes: 64)
        return "\"\(start.replacingUnsafeCharacters())\(start.utf8.count < name.utf8.count ? "…" : "")\""
    }

    static func isValid(_ name: String) -> Bool {
        (1...longest).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}
