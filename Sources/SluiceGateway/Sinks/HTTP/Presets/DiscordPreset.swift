import Sluice
import SluiceHTTP

/// A webhook of a channel of Discord: a message without mentions.
enum DiscordPreset: HTTPPreset {
    private static let markup: Set<Unicode.Scalar> = ["\\", "*", "_", "~", "`", "|", "<", ">", "[", "]"]
    /// Of a message's content, in characters.
    private static let maximumContent = 2_000
    /// `SUPPRESS_EMBEDS`: no previews of links.
    private static let flags: Int64 = 1 << 2

    static let answers = HTTPSinkOptions.Answers(
        success: [200, 204], poison: [400, 413], retry: HTTPSinkOptions.Answers.standardRetry)

    /// Discord takes five messages in 2 seconds, and 30 in a minute.
    static var throttle: Throttle? { Throttle(rate: 0.5, burst: 5) }

    static func body(for delivery: SinkDelivery, routingKey: Secret?) -> [UInt8] {
        JSONWriter.object(capacity: 1_024) { json in
            json.member("content", content(of: delivery.event))
            json.name("allowed_mentions")
            json.object { json in
                json.name("parse")
                json.array { _ in }
            }
            json.member("flags", flags)
        }
    }

    static func content(of event: Event) -> String {
        let line = EventLine(event)
        var link = ""
        if case .commitPushed(let push) = event, let url = push.url, !url.contains(where: { $0 == "<" || $0 == ">" }) {
            link = "\n<\(url)>"
        }
        // Half an address leads nowhere.
        if link.utf16.count > 600 { link = "" }
        let icon =
            switch event {
            case .commitPushed: "🚀 "
            case .commitDeployed: "✅ "
            case .deploymentFailed: "❌ "
            case .incidentOpened: "🚨 "
            case .incidentResolved: "✅ "
            }
        let headline = icon + "**" + ChatText.escape(line.headline, markup, limit: 1_000) + "**"
        guard !line.message.isEmpty else { return headline + link }
        let room = maximumContent - headline.utf16.count - link.utf16.count - 1
        return headline + "\n" + ChatText.escape(line.message, markup, limit: room) + link
    }

    // MARK: Answers

    /// 204 has nothing to be mistaken for; 200 comes with the message, where the address asks for it (`?wait=true`).
    static func isSuccess(_ response: HTTPClient.Response) -> Bool {
        guard response.status == 200 else { return true }
        guard !response.isBodyTruncated else { return false }
        var (hasID, hasChannel) = (false, false)
        try? JSONReader.read(response.body) { (reader) throws(JSONError) in
            guard reader.kind == .object else { return }
            try reader.fields { (reader) throws(JSONError) in
                if reader.isAt("id") { hasID = reader.kind == .string }
                if reader.isAt("channel_id") { hasChannel = reader.kind == .string }
            }
        }
        return hasID && hasChannel
    }

    /// Codes that speak of the message: it is empty, has a wrong form, is not JSON, or has words or links that are not let through.
    private static let messageFaults: Set<Int64> = [20_009, 50_006, 50_035, 50_045, 50_109, 200_000, 240_000]

    /// `{"code": 50035, "message": "Invalid Form Body", …}`, or each faulty field with what is wrong with it. Other codes speak of the
    /// webhook or its channel.
    static func blamesEvent(_ response: HTTPClient.Response) -> Bool {
        guard response.status == 400 else { return true }
        var code: Int64?
        var (faultyFields, others) = (0, 0)
        do {
            try JSONReader.read(response.body) { (reader) throws(JSONError) in
                try reader.object { (key, reader) throws(JSONError) in
                    if key == "code", reader.kind == .number {
                        code = try reader.number().integer()
                    } else if reader.kind == .array {
                        faultyFields += 1
                    } else {
                        others += 1
                    }
                }
            }
        } catch {
            return false
        }
        if let code { return messageFaults.contains(code) }
        return faultyFields > 0 && others == 0
    }

    /// Seconds with a fraction, rounded up: who comes early is refused again.
    static func delay(_ response: HTTPClient.Response) -> Duration? {
        var delay: Duration?
        try? JSONReader.read(response.body) { (reader) throws(JSONError) in
            guard reader.kind == .object else { return }
            try reader.object { (key, reader) throws(JSONError) in
                guard key == "retry_after", reader.kind == .number else { return }
                let number = try reader.number()
                guard !number.isNegative, let milliseconds = number.integer(timesTenTo: 3) else { return }
                let isWhole = JSONNumber.isWhole(number, timesTenTo: 3)
                delay = .milliseconds(milliseconds.addingSaturated(isWhole ? 0 : 1))
            }
        }
        return delay
    }
}

extension JSONNumber {
    /// Whether the number times 10^`power` has no fraction.
    fileprivate static func isWhole(_ number: JSONNumber, timesTenTo power: Int) -> Bool {
        number.digits == 0 || number.exponent &+ power >= 0
    }
}
