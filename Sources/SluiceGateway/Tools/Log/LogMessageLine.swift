import Foundation
import Sluice

/// A message of the log as one readable line.
struct LogMessageLine {
    /// How much of a payload is shown that is no event.
    private static let longestPayload = 160

    let colours: Colours

    /// `2026-01-02T03:04:05.678Z  Commit 6113728 pushed to acme/shop (main) by ann: Fix the leak`, with its end. Nothing in it
    /// can move the terminal's cursor.
    /// - Parameter event: what is in the message; nil where it is none.
    func text(of message: Message, _ event: Event?, at time: Timestamp?) -> String {
        let when = time.map(RFC3339.format) ?? "-"
        var what = event.map(EventLine.text) ?? Self.plain(message)
        what = what.replacingUnsafeCharacters()
        if case .deploymentFailed? = event { what = colours.paint(what, .bad) }
        if let reason = message.metadata[PoisonMetadata.reason] {
            let route = message.metadata[PoisonMetadata.handler].map { " by \($0)" } ?? ""
            what += "  " + colours.paint("poisoned\(route): \(reason.firstLine)".replacingUnsafeCharacters(), .warning)
        }
        return "\(colours.paint(when, .faint))  \(what)\n"
    }

    /// The kind as its metadata names it, its id, and the beginning of its payload.
    private static func plain(_ message: Message) -> String {
        let kind = message.metadata[Event.typeKey] ?? message.metadata["fact_type"] ?? "message"
        let text = String(decoding: message.payload.prefix(4 * longestPayload), as: UTF8.self)
        let shown = text.prefix(longestPayload)
        return "\(kind) \(message.id): \(shown)\(shown.endIndex < text.endIndex ? "…" : "")"
    }
}
