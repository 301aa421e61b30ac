import Sluice

/// Takes in incidents as other tools tell them: `{"id", "service", "opened", "resolved"}`, with one of the times or both. The two
/// may come apart, in either order; what has the same id and service is one incident.
///
/// Incidents are facts, for figures of deployments and for sinks that ask for them. There is no event of them.
public struct IncidentsSource: SourceOptions, Hashable {
    /// What senders authenticate with; nil takes in requests of this machine alone, see
    /// ``GatewayConfiguration/allowsUnsigned``.
    public var token: Secret?

    public init(token: Secret? = nil) {
        self.token = token
    }

    /// - Throws: ``SourceError`` that names the member at fault.
    static func read(_ message: Message, receivedAt receipt: Timestamp) throws(SourceError) -> IncidentFact {
        var (id, service): (String?, String?) = (nil, nil)
        var (opened, resolved) = (Moment(), Moment())
        do {
            try JSONReader.fields(of: message.payload) { (reader) throws(JSONError) in
                if reader.isAt("id") { id = try Self.identifier(&reader) }
                try reader.fieldOrSkip("service", &service)
                if reader.isAt("opened") { opened = try Moment(&reader) }
                if reader.isAt("resolved") { resolved = try Moment(&reader) }
            }
        } catch {
            throw SourceError("the body is not the JSON of an incident: \(error)")
        }
        guard let id = id.flatMap(EventField.identifier) else { throw SourceError("id is not \(EventCheck.plainText)") }
        guard let service = service.flatMap(EventField.name) else {
            throw SourceError("service is not \(EventCheck.plainText)")
        }
        let incident = IncidentFact(
            id: id, service: service, openedAt: try opened.time("opened", receipt),
            resolvedAt: try resolved.time("resolved", receipt))
        switch (incident.openedAt, incident.resolvedAt) {
        case (nil, nil): throw SourceError("neither opened nor resolved is there")
        case (let opened?, let resolved?) where resolved < opened: throw SourceError("resolved is before opened")
        default: return incident
        }
    }

    private static func identifier(_ reader: inout JSONReader) throws(JSONError) -> String? {
        guard reader.kind == .number else { return try reader.stringOrSkip() }
        let number = try reader.number()
        return number.isWhole ? number.integer().map { String($0) } : nil
    }

    /// A time, or none.
    private struct Moment {
        var isThere = false
        var time: Timestamp?

        init() {}

        init(_ reader: inout JSONReader) throws(JSONError) {
            if try reader.null() { return }
            isThere = true
            time = try EventTime.read(&reader)
        }

        func time(_ name: String, _ receipt: Timestamp) throws(SourceError) -> Timestamp? {
            guard isThere else { return nil }
            guard let time, EventTime.isPlausible(time, at: receipt) else {
                throw SourceError(
                    "\(name) is no RFC 3339 time, nor seconds or milliseconds since 1970, from 1990 to tomorrow")
            }
            return time
        }
    }
}
