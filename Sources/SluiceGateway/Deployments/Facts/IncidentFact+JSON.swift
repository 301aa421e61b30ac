import Sluice

extension IncidentFact {
    func write(to json: inout JSONWriter) {
        json.member("id", id)
        json.member("service", service)
        json.member("opened_at", ifPresent: openedAt.map(RFC3339.format))
        json.member("resolved_at", ifPresent: resolvedAt.map(RFC3339.format))
    }

    static func read(_ reader: inout JSONReader) throws(JSONError) -> Result<IncidentFact, SourceError> {
        var (id, service): (String?, String?)
        var (opened, resolved): (Timestamp?, Timestamp?)
        try reader.fields { (reader) throws(JSONError) in
            try reader.fieldOrSkip("id", &id)
            try reader.fieldOrSkip("service", &service)
            try reader.fieldTime("opened_at", &opened)
            try reader.fieldTime("resolved_at", &resolved)
        }
        guard let id = id.flatMap(EventField.identifier) else {
            return .failure(Fact.missing("id", EventCheck.plainText))
        }
        guard let service = service.flatMap(EventField.name) else {
            return .failure(Fact.missing("service", EventCheck.plainText))
        }
        if opened == nil, resolved == nil { return .failure(Fact.missing("opened_at or resolved_at", "a time")) }
        return .success(IncidentFact(id: id, service: service, openedAt: opened, resolvedAt: resolved))
    }
}
