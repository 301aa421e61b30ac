import Sluice

/// As `sluice why` shows it to people, at most 80 columns wide where words can be broken.
extension Stories {
    var text: String {
        var text = stories.map(\.text).joined(separator: "\n")
        if leftOut > 0 { text += "\nand \(leftOut) more messages of \(id)\n" }
        return text
    }
}

extension Story {
    fileprivate var text: String {
        var lines = StoryLines()
        let what = [event ?? "message", commit.map { String($0.prefix(12)) }, key.map { "of \($0)" }]
        lines.add(what.compactMap(\.self).joined(separator: " "), indent: 0)
        lines.add("message     \(message)", indent: 2)
        if let commit { lines.add("commit      \(commit)", indent: 2) }
        if let correlation { lines.add("correlation \(correlation)", indent: 2) }
        if let delivery { lines.add("GitHub's    \(delivery)", indent: 2) }
        if let incident { lines.add("incident    \(incident)", indent: 2) }
        for taking in taken { lines.add(taking.time, "taken in by \(taking.route)") }
        for position in positions {
            let place = (position.partition.map { "partition \($0), " } ?? "") + "offset \(position.offset)"
            if let time = position.time {
                lines.add(time, "on the queue: \(place)")
            } else {
                lines.add("on the queue: \(place)", indent: 2)
            }
        }
        if parts.isEmpty { lines.add("no sink has met it", indent: 0) }
        for part in parts { part.write(&lines) }
        return lines.text
    }
}

extension StoryPart {
    fileprivate func write(_ lines: inout StoryLines) {
        lines.add("", indent: 0)
        lines.add("\(sink ?? route): \(words)", indent: 0)
        if attemptsLeftOut > 0 { lines.add("\(attemptsLeftOut) earlier attempts", indent: 2) }
        var ends = ends[...]
        for attempt in attempts {
            while let end = ends.first, end.time < attempt.time {
                lines.add(end.time, end.words)
                ends = ends.dropFirst()
            }
            lines.add(attempt.time, attempt.words)
        }
        for end in ends { lines.add(end.time, end.words) }
        for wait in waits {
            let until = wait.until.map { ", until \(RFC3339.format($0))" } ?? ""
            lines.add("waits: \(wait.words)\(until)", indent: 2)
        }
    }

    private var words: String {
        let why = reason.map { " (\($0))" } ?? ""
        let at = since.map { " at \(RFC3339.format($0))" } ?? ""
        switch state {
        case .delivered: return "delivered\(at)"
        case .deduplicated: return "passed over\(at): it was delivered before"
        case .filtered: return "passed over\(at): the sink does not want it"
        case .poisoned: return "poisoned\(at)\(why)"
        case .discarded: return "discarded\(at)\(why)"
        case .passedOver:
            return "passed over: the sink begins behind it, or had it before the journal begins"
        case .inHand: return "in hand\(why)"
        case .waiting: return "waits for its next attempt\(why)"
        case .putAside: return "put aside behind another of its key\(why)"
        case .queued: return "on the queue, and not attempted yet"
        default: return "it is not known where it is"
        }
    }
}

extension StoryPart.End {
    fileprivate var words: String {
        switch code.word {
        case "acked": "acknowledged without an attempt"
        case "handed_back": "handed back to the queue until it is due"
        case "revoked": "another process has it"
        default: code.word
        }
    }
}

extension StoryPart.Attempt {
    fileprivate var words: String {
        var words = "attempt \(number)\(isAgain ? ", sent again by a job" : ""): \(code.word)"
        if let reason { words += ", \(reason)" }
        if let retryAfter { words += ", asked to wait \(Self.text(retryAfter.inSeconds))" }
        words += "; took \(Self.text(Double(duration) / 1e6))"
        let waited = waits.filter { $0.microseconds >= 1_000 }
            .map { "\($0.stage) \(Self.text(Double($0.microseconds) / 1e6))" }
        if !waited.isEmpty { words += "; waited: \(waited.joined(separator: ", "))" }
        return words
    }

    /// Such as `85 ms`, `1.2 s` or `6 min`.
    private static func text(_ seconds: Double) -> String {
        func rounded(_ number: Double) -> String {
            let tenths = (number * 10).rounded() / 10
            return tenths == tenths.rounded() || tenths >= 10 ? "\(Int(tenths.rounded()))" : "\(tenths)"
        }
        if seconds < 0.9995 { return "\(rounded(seconds * 1_000)) ms" }
        if seconds < 120 { return "\(rounded(seconds)) s" }
        if seconds < 7_200 { return "\(rounded(seconds / 60)) min" }
        return "\(rounded(min(seconds, 1e12) / 3_600)) h"
    }
}

/// Lines of a story, broken between words.
private struct StoryLines {
    private static let width = 80

    private(set) var text = ""

    /// Behind a time: what has no room goes on beneath it.
    mutating func add(_ time: Timestamp, _ words: String) {
        add("\(RFC3339.format(time))  \(words)", indent: 2, hanging: 28)
    }

    mutating func add(_ words: String, indent: Int, hanging: Int? = nil) {
        let words = words.replacingUnsafeCharacters()
        for line in TextWrap.lines(words, width: Self.width, indent: indent, hanging: hanging) { text += line + "\n" }
    }
}
