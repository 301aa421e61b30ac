import Sluice

/// Pushes that are told as one.
extension SlackMessage {
    /// How long a line may be, in UTF-16: 50 of them fit into what Slack takes.
    private static let maximumLine = 250
    /// Longer, and Slack cuts the text (<https://docs.slack.dev/reference/methods/chat.postMessage>).
    private static let maximumText = 40_000
    /// How many lines a message may have besides its headline.
    static let maximumLines = 50

    /// `12 commits to acme/shop (main)`, then a line for each with the first line of its message.
    package static func digest(of events: [Event]) -> [UInt8] {
        let headline = headline(of: events)
        let lines = events.map(line)
        let text = ([headline] + lines).joined(separator: "\n")
        return JSONWriter.object(capacity: 2 * text.utf8.count + 256) { json in
            json.member("text", text.utf16.count <= maximumText ? text : headline)
            json.name("blocks")
            json.array { json in
                for section in sections(of: [headline] + lines) {
                    json.object { json in
                        json.member("type", "section")
                        json.name("text")
                        mrkdwn(section, &json)
                    }
                }
            }
            json.member("unfurl_links", false)
            json.member("unfurl_media", false)
        }
    }

    private static func headline(of events: [Event]) -> String {
        var place = ""
        if case .commitPushed(let push) = events.first {
            if let repository = push.repository { place += " to *\(escape(repository, limit: 600))*" }
            if let ref = push.ref { place += " (\(escape(shortened(ref), limit: 600)))" }
        }
        return ":rocket: \(events.count) commits\(place)"
    }

    private static func line(of event: Event) -> String {
        guard case .commitPushed(let push) = event else { return text(of: event).truncated(toBytes: maximumLine) }
        let front = "• `\(push.id)`"
        let author = " (\(escape(push.author, limit: 60)))"
        let message = push.message.firstLine
        guard !message.isEmpty else { return front + author }
        return "\(front) \(escape(message, limit: maximumLine - front.utf16.count - author.utf16.count - 1))\(author)"
    }

    /// As many lines in each as Slack takes.
    private static func sections(of lines: [String]) -> [String] {
        var sections: [String] = []
        for line in lines {
            if let last = sections.last, last.utf16.count + line.utf16.count < maximumSection {
                sections[sections.count - 1] = "\(last)\n\(line)"
            } else {
                sections.append(line)
            }
        }
        return sections
    }
}
