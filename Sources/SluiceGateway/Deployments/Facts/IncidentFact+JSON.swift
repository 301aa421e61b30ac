import Sluice

extension IncidentFact {
    func write(to json: inout JSONWriter) {
        json.member("id", id)
        json.member("service", service)
        json.member("opened_at", ifPresent: openedAt.map(RFC3339.format))
        json.member("resolved_at", ifPresent: resolvedAt.map(RFC3339.format))
    }

    static func read(_ reader: inout JSONReader) throws(JSONError) -> Result<IncidentFact, SourceError> {
        var incident = IncidentFact(id: "", service: "", openedAt: nil, resolvedAt: nil)
        try reader.object { (key, reader) throws(JSONError) in
            if key == "id" {
                incident.id = try reader.stringOrSkip().flatMap(EventField.identifier) ?? ""
            } else if key == "service" {
                incident.service = try reader.stringOrSkip().flatMap(EventField.name) ?? ""
            } else if key == "opened_at" {
                incident.openedAt = try EventTime.read(&reader)
            } else if key == "resolved_at" {
                incident.resolvedAt = try EventTime.read(&reader)
            }
        }
        if incident.id.isEmpty { return .failure(Fact.missing("id", EventCheck.plainText)) }
        if incident.service.isEmpty { return .failure(Fact.missing("service", EventCheck.plainText)) }
        if incident.openedAt == nil, incident.resolvedAt == nil {
            return .failure(Fact.missing("opened_at or resolved_at", "a time"))
        }
        return .success(incident)
    }
}
