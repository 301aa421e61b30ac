import Foundation
import Sluice

/// `sluice tap`: the deliveries of a running gateway as they end.
public struct TapTool: Sendable {
    private let client: ControlClient
    private let request: TapRequest

    /// - Parameters:
    ///   - directory: the gateway's data directory.
    ///   - sink: nil for all.
    ///   - only: entries of a filter, each such as `event=commitPushed,branch=main`; none for all events.
    /// - Throws: ``EventFilterError``.
    public init(directory: String, sink: String?, only: [String]) throws(EventFilterError) {
        client = ControlClient(directory: directory)
        words = only
        request = TapRequest(sink: sink, only: only.isEmpty ? nil : try EventFilter(words: only))
    }

    private let words: [String]
    /// How often the gateways are asked.
    private static let interval = Duration.milliseconds(250)

    /// Hands over lines until the task is cancelled: of JSON, or for people.
    /// - Throws: ``NoGatewayError`` where none runs, also when the last one has ended; ``CommandError``; what `write` throws.
    public func run(
        asJSON: Bool, colours: Colours = .none, write: (String) throws -> Void
    ) async throws {
        var next: UInt64?
        while !Task.isCancelled {
            let arguments = [
                "sink": request.sink, "only": words.isEmpty ? nil : words.joined(separator: "\n"),
                "from": next.map { "\($0)" },
            ]
            guard let answer = try await client.askLeader(ControlRequest(.tap, arguments)) else {
                throw NoGatewayError(client.directory)
            }
            for item in answer.items {
                let row = try Row(json: item)
                if let following = row.next {
                    next = UInt64(clamping: following)
                    if row.lost > 0, !asJSON { try write("… \(row.lost) deliveries were too fast to be shown\n") }
                    if row.lost > 0, asJSON { try write("{\"lost\":\(row.lost)}\n") }
                } else {
                    try write(asJSON ? String(decoding: item, as: UTF8.self) + "\n" : row.words(colours))
                }
            }
            try? await Task.sleep(for: Self.interval)
        }
    }

    private struct Row {
        var next: Int64?
        var lost: Int64 = 0
        private var texts: [String: String] = [:]
        private var attempts: Int64 = 0
        private var seconds = 0.0

        init(json: [UInt8]) throws(JSONError) {
            var row = (next: Int64?.none, lost: Int64(0), texts: [String: String](), attempts: Int64(0), seconds: 0.0)
            try JSONReader.read(json) { (reader) throws(JSONError) in
                try reader.object { (key, reader) throws(JSONError) in
                    if key == "next" {
                        row.next = try reader.number().integer()
                    } else if key == "lost" {
                        row.lost = try reader.number().integer() ?? 0
                    } else if key == "attempts" {
                        row.attempts = try reader.number().integer() ?? 0
                    } else if key == "seconds" {
                        row.seconds = Double(try reader.number().integer(timesTenTo: 3) ?? 0) / 1_000
                    } else {
                        let name = key.text
                        row.texts[name] = try reader.stringOrSkip()
                    }
                }
            }
            (next, lost, texts, attempts, seconds) = (row.next, row.lost, row.texts, row.attempts, row.seconds)
        }

        /// `14:03:20.123  slack  acked        Commit 6113728 pushed to acme/shop (main) by ann: …`
        func words(_ colours: Colours) -> String {
            let time = (texts["time"] ?? "").dropFirst(11).prefix(12)
            var outcome = texts["outcome"] ?? ""
            if let reason = texts["reason"] { outcome += " (\(reason))" }
            let tries = attempts > 1 ? ", \(attempts) attempts" : ""
            let took = seconds >= 0.1 ? ", \(StatusWords.short(seconds)) s" : ""
            let end = colours.paint("\(outcome)\(tries)\(took)".replacingUnsafeCharacters(), tone)
            let (sink, text) = (texts["sink"] ?? "", texts["text"] ?? "")
            return "\(time)  \(sink)  ".replacingUnsafeCharacters() + end + "  \(text)".replacingUnsafeCharacters()
                + "\n"
        }

        private var tone: Colours.Tone {
            switch texts["outcome"] {
            case "acked": .good
            case "poisoned": .bad
            case "failed", "throttled", "held": .warning
            default: .faint
            }
        }
    }
}
