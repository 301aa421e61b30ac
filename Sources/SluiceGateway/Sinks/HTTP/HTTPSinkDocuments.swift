/// What docs/HTTP-SINK.md says of keys, fields and bodies: made from the program.
public enum HTTPSinkDocuments {
    /// The page with its parts as the program has them.
    public static func page(_ text: String) throws -> String {
        try MarkedDocument(text).replacing([
            "keys": ScenarioDocuments.table(HTTPSinkOptions.keys.rows(HTTPSinkOptions())), "fields": fields,
            "filters": filters,
            "event": sent(HTTPSinkOptions()), "teams": sent(HTTPSinkOptions(preset: .teams)),
            "discord": sent(HTTPSinkOptions(preset: .discord)),
            "pagerduty": sent(HTTPSinkOptions(preset: .pagerDuty, routingKey: Secret("…"))),
            "structured": sent(HTTPSinkOptions(cloudEvents: .init(mode: .structured))), "binary": binary,
        ])
    }

    private static var fields: String {
        "| field | meaning |\n|---|---|\n"
            + TemplateField.all.map { field in
                let names = field.names.map { "`\($0)`" }.joined(separator: ", ")
                let kind =
                    switch field.kind {
                    case .text: ""
                    case .number: ". A number"
                    case .flag: ". `true` or `false`"
                    }
                return "| \(names) | \(field.meaning)\(kind) |\n"
            }.joined()
    }

    private static var filters: String {
        "| filter | gives |\n|---|---|\n"
            + TemplateFilter.documentation.map { "| `{{\($0.name)(message)}}` | \($0.meaning) |\n" }.joined()
    }

    /// What goes for a push.
    private static func sent(_ options: HTTPSinkOptions) -> String {
        guard let push = SampleEvents.whole.first, let body = try? HTTPSinkBody(options).bytes(for: push, target: "")
        else { return "" }
        return "```json\n\(String(decoding: body, as: UTF8.self))\n```\n"
    }

    private static var binary: String {
        guard let push = SampleEvents.whole.first else { return "" }
        let headers = HTTPSinkOptions.CloudEvents().attributes(of: push).map { name, value in
            "ce-\(name): \(PercentEncoding.headerValue(value))\n"
        }
        return "```\n\(headers.joined())content-type: application/json\n```\n"
    }
}
