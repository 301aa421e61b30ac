extension HTTPSinkOptions {
    public var faultWithIncidents: (key: String, text: String)? {
        guard preset == nil, let body, let template = try? EventTemplate(body, as: format) else { return nil }
        do {
            try template.checkIncidents()
            return nil
        } catch {
            return ("body", error.description)
        }
    }
}
