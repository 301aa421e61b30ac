import Sluice

/// What goes to a Slack incoming webhook.
package enum SlackMessage {
    /// Slack refuses a section, and an element of a context, with a longer text. Entities count as they are written.
    static let maximumSection = 3_000

    /// `text`, which notifications show, and beside it Block Kit: the same text, then the repository and a link.
    ///
    /// Nothing is unfurled, and nothing in the blocks is turned into a mention or a channel.
    package static func body(for event: Event) -> [UInt8] {
        let text = text(of: event)
        let context = context(of: event)
        return JSONWriter.object(capacity: 1_024) { json in
            json.member("text", text)
            json.name("blocks")
            json.array { json in
                json.object { json in
                    json.member("type", "section")
                    json.name("text")
                    mrkdwn(text, &json)
                }
                if !context.isEmpty {
                    json.object { json in
                        json.member("type", "context")
                        json.name("elements")
                        json.array { json in mrkdwn(context, &json) }
                    }
                }
            }
            json.member("unfurl_links", false)
            json.member("unfurl_media", false)
        }
    }

    /// The sample application's two texts, with what comes from outside escaped, of a commit's message the first line.
    package static func text(of event: Event) -> String {
        switch event {
        case .commitPushed(let event):
            let front = ":rocket: Commit `\(event.id)` *pushed* by \(escape(event.author, limit: 1_000))"
            let message = event.message.firstLine
            if message.isEmpty { return front }
            let room = maximumSection - front.utf16.count - ": __".utf16.count
            return "\(front): _\(escape(message, limit: room))_"
        case .commitDeployed(let event):
            return ":heavy_check_mark: Commit `\(event.id)` deployed to *\(escape(event.env, limit: 1_500))*"
        case .deploymentFailed(let event):
            return ":x: Commit `\(event.id)` *failed* to deploy to *\(escape(event.env, limit: 1_500))*"
        case .incidentOpened(let event):
            return ":rotating_light: Incident of *\(escape(event.service, limit: 1_500))* opened"
        case .incidentResolved(let event):
            return
                ":white_check_mark: Incident of *\(escape(event.service, limit: 1_500))* resolved\(EventLine.span(of: event))"
        }
    }

    private static func context(of event: Event) -> String {
        var parts: [String] = []
        switch event {
        case .commitPushed(let event):
            if let repository = event.repository { parts.append(escape(repository, limit: 600)) }
            if let ref = event.ref { parts.append(escape(shortened(ref), limit: 600)) }
            let room = maximumSection - parts.joined(separator: separator).utf16.count - separator.utf16.count
            if let url = event.url, let link = link(url, limit: room) { parts.append(link) }
        case .commitDeployed(let event), .deploymentFailed(let event):
            if let repository = event.repository { parts.append(escape(repository, limit: 600)) }
            if let service = event.service { parts.append(escape(service, limit: 600)) }
        case .incidentOpened(let event), .incidentResolved(let event):
            parts.append(escape(event.id, limit: 600))
        }
        return parts.joined(separator: separator)
    }

    static let separator = " · "

    static func shortened(_ ref: String) -> String {
        ref.hasPrefix("refs/heads/") ? String(ref.dropFirst("refs/heads/".count)) : ref
    }

    static func mrkdwn(_ text: String, _ json: inout JSONWriter) {
        json.object { json in
            json.member("type", "mrkdwn")
            json.member("text", text)
            json.member("verbatim", true)
        }
    }

    /// Exactly `&`, `<` and `>` as entities: thus no `<!channel>` comes from outside. Cut between characters, never
    /// within an entity, at `limit` (in UTF-16, which is never less than what Slack counts), with an ellipsis.
    static func escape(_ text: String, limit: Int) -> String {
        var result = ""
        var count = 0
        // Where to cut when the rest does not fit with room for the ellipsis.
        var cut = result.endIndex
        for character in text {
            let escaped =
                switch character {
                case "&": "&amp;"
                case "<": "&lt;"
                case ">": "&gt;"
                default: escapedScalars(of: character)
                }
            count += escaped.utf16.count
            if count > limit { return String(result[..<cut]) + (limit > 0 ? "…" : "") }
            result += escaped
            if count <= limit - 1 { cut = result.endIndex }
        }
        return result
    }

    /// A character can be one of the three with a combining mark on it.
    private static func escapedScalars(of character: Character) -> String {
        var result = ""
        for scalar in character.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\t": result += " "
            default: result.unicodeScalars.append(scalar.isUnsafe ? "\u{FFFD}" : scalar)
            }
        }
        return result
    }

    /// Slack's `<address|text>`, or nil when the address has what would end it, or leaves no room: half an address leads
    /// nowhere.
    private static func link(_ url: String, limit: Int) -> String? {
        guard !url.utf8.contains(where: { "<>|".utf8.contains($0) }) else { return nil }
        let address = url.split(separator: "&", omittingEmptySubsequences: false).joined(separator: "&amp;")
        let link = "<\(address)|View commit>"
        return link.utf16.count <= limit ? link : nil
    }
}
