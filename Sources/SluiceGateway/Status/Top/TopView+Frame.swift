import Sluice

extension TopView {
    /// A line of the screen.
    public struct Line: Sendable, Equatable {
        /// How a line stands out.
        public enum Style: Sendable {
            case plain, head, marked, faint, well, warning, error
        }

        public var text: String
        public var style = Style.plain
    }

    /// The screen. Exactly so many lines, none longer than the columns.
    public func frame(columns: Int, lines: Int) -> [Line] {
        let (columns, lines) = (max(20, columns), max(4, lines))
        var frame = top(columns)
        let foot = Line(text: keys, style: .faint)
        let room = max(0, lines - frame.count - 1)
        let body = isOpen ? details(columns) : overview(columns)
        frame += isOpen ? scrolled(body, room) : window(body, room)
        while frame.count < lines - 1 { frame.append(Line(text: "")) }
        return (frame.prefix(lines - 1) + [foot]).map { line in
            Line(text: TextTable.cut(line.text.replacingUnsafeCharacters(), columns), style: line.style)
        }
    }

    private var keys: String {
        if isFiltering { return "filter: \(filter)_   enter keeps it, escape clears it" }
        let back = isOpen ? "escape back" : "enter open"
        return "q quit  \(back)  ↑↓ move  s sort: \(order.rawValue)  / filter"
            + (filter.isEmpty ? "" : ": \(filter)") + "  p \(isPaused ? "go on" : "pause")"
    }

    /// The verdict, and what can be done.
    private func top(_ columns: Int) -> [Line] {
        guard let snapshot else { return [Line(text: trouble ?? "asking the gateway …", style: .warning)] }
        let now = snapshot.time
        var lines: [Line] = []
        let left = "sluice \(snapshot.build.version)  up \(StatusWords.distance(snapshot.build.started, now))"
        let right = (isPaused ? "PAUSED  " : "") + StatusWords.clock(now, now)
        let space = String(repeating: " ", count: max(2, columns - left.count - right.count))
        lines.append(Line(text: left + space + right, style: isPaused ? .warning : .faint))
        if let trouble { lines.append(Line(text: "no answer: \(trouble)", style: .error)) }
        let verdict = snapshot.verdict
        let words = "\(verdict.level.words.uppercased()): \(verdict.text)".replacingUnsafeCharacters()
        lines += TextWrap.lines(words, width: columns).map { Line(text: $0, style: Self.style(verdict.level)) }
        if let problem = verdict.problems.first, problem.severity != .notice {
            lines += StatusText.details(of: problem, now, columns).map { Line(text: $0, style: .faint) }
        }
        return lines + [Line(text: "")]
    }

    private static func style(_ level: Snapshot.Level) -> Line.Style {
        switch level {
        case .well: .well
        case .notReady: .error
        default: .warning
        }
    }

    // MARK: The overview

    private func overview(_ columns: Int) -> [Line] {
        guard let snapshot else { return [] }
        let isWide = columns >= 110
        let head = ["", "STATE", "RATE>", "WAIT>", "OLDEST>", "FLIGHT>", "EMPTY IN>"]
        var table = TextTable(isWide ? head + ["TOTAL>", "KIND", "LAST HALF HOUR"] : head)
        let boxes = boxes
        for box in boxes { table.add(cells(of: box, snapshot, isWide)) }
        let rows = table.lines(width: columns)
        var lines = [Line(text: rows[0], style: .head)]
        for (box, text) in zip(boxes, rows.dropFirst()) {
            lines.append(Line(text: text, style: box.id == marked ? .marked : Self.style(box)))
        }
        if boxes.isEmpty { lines.append(Line(text: "nothing has `\(filter)` in its name", style: .faint)) }
        if snapshot.poison.messages > 0 {
            lines.append(
                Line(text: "poison: \(snapshot.poison.messages.messages) in \(snapshot.poison.topic)", style: .warning))
        }
        for job in (snapshot.jobs ?? []).prefix(3) {
            let done = job.delivered + job.failed + job.skipped
            lines.append(
                Line(
                    text: "job \(job.id): \(job.kind) to \(job.to) is \(job.state), \(done) of \(job.total), "
                        + "\(job.failed) failed again", style: job.state == "stopped" ? .warning : .plain))
        }
        return lines
    }

    private func cells(of box: Box, _ snapshot: Snapshot, _ isWide: Bool) -> [String] {
        let rate = StatusWords.rate(box.flow.perSecond)
        func row(_ mark: String, _ state: Snapshot.State, _ kind: String, _ waits: [String]) -> [String] {
            let more = [StatusWords.count(box.flow.total), kind, Sparkline.text(box.flow.minutes, width: 30)]
            return ["\(mark) \(box.name)", state.words, rate] + waits + (isWide ? more : [])
        }
        let none = ["", "", "", ""]
        switch box {
        case .source(let source): return row("→", source.state, source.kind, none)
        case .queue(let queue): return row("=", queue.state, queue.kind, none)
        case .sink(let sink):
            let times = [sink.oldest, sink.emptyBy].map { time in
                time.map { StatusWords.distance($0, snapshot.time) } ?? ""
            }
            let waits = [StatusWords.count(sink.lag), times[0], "\(sink.inFlight)/\(sink.inFlightLimit)", times[1]]
            return row("←", sink.state, sink.kind, waits)
        }
    }

    private static func style(_ box: Box) -> Line.Style {
        let state: Snapshot.State =
            switch box {
            case .source(let source): source.state
            case .queue(let queue): queue.state
            case .sink(let sink): sink.state
            }
        switch state {
        case .held, .down, .stopped: return .error
        case .shut, .breakerOpen, .paused, .connecting, .draining: return .warning
        default: return .plain
        }
    }

    /// The part of the overview that has the marked line in it. The head stays.
    private func window(_ body: [Line], _ room: Int) -> [Line] {
        guard body.count > room, room > 1, let head = body.first else { return Array(body.prefix(room)) }
        let rows = Array(body.dropFirst())
        let index = rows.firstIndex { $0.style == .marked } ?? 0
        let start = max(0, min(index - (room - 1) / 2, rows.count - (room - 1)))
        return [head] + rows[start..<min(rows.count, start + room - 1)]
    }

    private func scrolled(_ body: [Line], _ room: Int) -> [Line] {
        let start = max(0, min(scroll, body.count - room))
        return Array(body.dropFirst(start).prefix(room))
    }
}

/// The counts of minutes as a line of small bars.
enum Sparkline {
    private static let bars = Array("▁▂▃▄▅▆▇█")

    static func text(_ counts: [Int64], width: Int) -> String {
        let counts = counts.suffix(width)
        guard let most = counts.max(), most > 0 else { return "" }
        return String(
            counts.map { count in
                count <= 0 ? " " : bars[min(7, Int(Double(count) / Double(most) * 7.999))]
            })
    }
}
