import Sluice
import SluiceHTTP

/// A webhook of Microsoft Teams, made by the app Workflows: an Adaptive Card in a message.
enum TeamsPreset: HTTPPreset {
    /// What Markdown in a card makes something of, and the brace of its functions, `{{DATE(…)}}`.
    private static let markup: Set<Unicode.Scalar> = ["\\", "*", "_", "[", "]", "`", "~", "<", ">", "{"]
    /// A message has at most 28 KB.
    private static let (maximumHeadline, maximumMessage) = (1_500, 3_000)

    static let answers = HTTPSinkOptions.Answers(
        success: [202], poison: [400, 413], retry: HTTPSinkOptions.Answers.standardRetry)

    /// Teams slows down who posts faster.
    static var throttle: Throttle? { Throttle(rate: 1) }

    static func body(for delivery: SinkDelivery, routingKey: Secret?) -> [UInt8] {
        let line = EventLine(delivery.event)
        return JSONWriter.object(capacity: 1_024) { json in
            json.member("type", "message")
            json.name("attachments")
            json.array { json in
                json.object { json in
                    json.member("contentType", "application/vnd.microsoft.card.adaptive")
                    json.name("content")
                    json.object { json in card(line, delivery.event, &json) }
                }
            }
        }
    }

    private static func card(_ line: EventLine, _ event: Event, _ json: inout JSONWriter) {
        json.member("$schema", "http://adaptivecards.io/schemas/adaptive-card.json")
        json.member("type", "AdaptiveCard")
        json.member("version", "1.4")
        json.name("body")
        json.array { json in
            text(ChatText.escape(line.headline, markup, limit: maximumHeadline), &json) { json in
                json.member("weight", "Bolder")
                switch event {
                case .commitPushed: break
                case .commitDeployed, .incidentResolved: json.member("color", "Good")
                case .deploymentFailed, .incidentOpened: json.member("color", "Attention")
                }
            }
            if !line.message.isEmpty { text(ChatText.escape(line.message, markup, limit: maximumMessage), &json) }
        }
        guard case .commitPushed(let push) = event, let url = push.url else { return }
        json.name("actions")
        json.array { json in
            json.object { json in
                json.member("type", "Action.OpenUrl")
                json.member("title", "View commit")
                json.member("url", url)
            }
        }
    }

    private static func text(
        _ text: String, _ json: inout JSONWriter, _ style: (inout JSONWriter) -> Void = { _ in }
    ) {
        json.object { json in
            json.member("type", "TextBlock")
            json.member("text", text)
            json.member("wrap", true)
            style(&json)
        }
    }

    // MARK: Answers

    /// What Workflows says of a flow that cannot be used: a person has to act.
    private static let flowFaults: Set<String> = [
        "DirectApiAuthorizationRequired", "DirectApiInvalidAuthorizationScheme", "InvalidApiVersion",
        "MissingApiVersionParameter", "WorkflowDisabled", "WorkflowNotFound", "WorkflowSuspended",
        "WorkflowTriggerIsNotEnabled", "WorkflowTriggerNotFound",
    ]

    static func blamesEvent(_ response: HTTPClient.Response) -> Bool {
        guard response.status == 400 else { return true }
        var code: String?
        try? JSONReader.read(response.body) { (reader) throws(JSONError) in
            guard reader.kind == .object else { return }
            try reader.object { (key, reader) throws(JSONError) in
                guard key == "error", reader.kind == .object else { return }
                try reader.fields { (reader) throws(JSONError) in
                    try reader.fieldOrSkip("code", &code)
                }
            }
        }
        return code.map { !flowFaults.contains($0) } ?? true
    }
}
