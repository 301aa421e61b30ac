import Sluice

/// How Grafana is configured.
enum GrafanaOptions {
    static let url = ConfigurationOption(
        "url", "GRAFANA_URL", .webAddress, example: .hint("http://localhost:3000"),
        "The address of Grafana, such as `http://localhost:3000`; unset: no annotations")
    static let credentials = ConfigurationOption(
        "credentials", "GRAFANA_CREDENTIALS",
        OptionFormat<GrafanaSink.Credentials>("user:password") { text in
            guard let colon = text.firstIndex(of: ":"), colon > text.startIndex,
                !text.unicodeScalars.contains(where: \.isUnsafe)
            else { return nil }
            return .basic(user: String(text[..<colon]), password: Secret(String(text[text.index(after: colon)...])))
        }, isSecret: true, example: .hint("admin:secret"),
        "`user:password` for Grafana; the password may hold colons")
    static let token = ConfigurationOption(
        "token", "GRAFANA_TOKEN", .token, isSecret: true, example: .hint(""),
        "A service account's token for Grafana, instead of credentials")

    /// Nil without an address.
    static func read(_ values: inout ConfigurationValues) -> GrafanaSink? {
        let address = values.read(url)
        let bearer = values.read(token).map(GrafanaSink.Credentials.token)
        let user = values.read(credentials)
        let names = (url: values.name(url), credentials: values.name(credentials), token: values.name(token))
        let isSet = (credentials: values.isSet(credentials), token: values.isSet(token))
        guard values.isSet(url) else {
            if isSet.credentials || isSet.token {
                values.warn(
                    "\(names.credentials) or \(names.token) is set without \(names.url): no annotations")
            }
            return nil
        }
        switch isSet {
        case (true, true): values.refuse(token, expected: "only one of \(names.credentials) and \(names.token)")
        case (false, false): values.refuse(url, expected: "\(names.credentials) or \(names.token) beside it")
        default: break
        }
        guard var address, let access = bearer ?? user else { return nil }
        if address.utf8.contains(UInt8(ascii: "?")) { values.refuse(url, expected: "an address without a query") }
        while address.hasSuffix("/") { address.removeLast() }
        return GrafanaSink(url: address, credentials: access)
    }
}

extension SinkKind {
    static let grafana = SinkKind(
        "grafana", title: "Grafana",
        summary: "Writes an annotation with the tags `pushed`, `deploy-ENV` or `deploy-failed-ENV`, and the repository",
        authentication: "a service account's token, or user and password",
        answers: SinkAnswers(
            success: "2xx with the id of the annotation",
            retry: "408, 425, 429 and 5xx, whatever stands in them; what may be there already is looked for first",
            poison: "400, 413 or 422 with JSON of Grafana's own that says what is wrong with the annotation",
            hold: "everything else: 401, 403, 404, a login page, another server's answer"),
        settings: [
            GrafanaOptions.url.variable, GrafanaOptions.credentials.variable, GrafanaOptions.token.variable,
        ],
        start: .start(
            "GRAFANA_START",
            "Where Grafana begins when it is new: `now`, `beginning`, or a time such as `2026-01-02T03:04:05Z`"),
        scenario: ScenarioSinkKind(
            name: "grafana", options: GrafanaSink(url: "http://grafana", credentials: .token(Secret("scenario"))),
            success: GrafanaAnnotation.answer,
            refusal: .init(status: 400, body: #"{"message":"annotation text is too long"}"#)),
        read: GrafanaOptions.read)
}
