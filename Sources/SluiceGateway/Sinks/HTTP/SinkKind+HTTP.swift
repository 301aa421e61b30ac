extension SinkKind {
    static let http = SinkKind(
        "http", title: "HTTP",
        summary:
            "Sends a request to any receiver: a template, a preset for Teams, Discord or PagerDuty, or CloudEvents "
            + "(docs/HTTP-SINK.md); only in a file",
        authentication: "the address, and headers; both count as secrets",
        answers: SinkAnswers(
            success: "2xx, or `answers.success`", retry: "408, 425, 429 and 5xx, or `answers.retry`",
            poison: "422, or `answers.poison`", hold: "everything else"),
        options: HTTPSinkOptions(), keys: HTTPSinkOptions.keys, scenario: .http)
}
