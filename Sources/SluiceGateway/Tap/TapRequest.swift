import Sluice

/// What `sluice tap` asks a gateway for, as the arguments of a command.
struct TapRequest: Sendable {
    /// Nil for all sinks.
    var sink: String?
    /// Nil for all events.
    var only: EventFilter?
    /// Where to go on.
    var from: UInt64?

    init(sink: String? = nil, only: EventFilter? = nil, from: UInt64? = nil) {
        (self.sink, self.only, self.from) = (sink, only, from)
    }

    /// - Throws: ``ControlFailure`` for what cannot be read.
    init(_ arguments: [String: String]) throws(ControlFailure) {
        sink = arguments["sink"]
        from = arguments["from"].flatMap(UInt64.init)
        guard let text = arguments["only"] else { return }
        do {
            only = try EventFilter(words: text.split(separator: "\n").map(String.init))
        } catch {
            throw ControlFailure(.invalid, "\(error)")
        }
    }

    /// An answer: an item for each entry, and one that says where to go on.
    func answer(_ board: TapBoard) -> ControlAnswer {
        let batch = board.read(from: from)
        let wanted = batch.entries.filter { entry in
            (sink.map { $0 == entry.sink } ?? true) && (only.map { $0.matches(entry.event) } ?? true)
        }
        let end = JSONWriter.object { json in
            json.member("next", Int64(clamping: batch.next))
            json.member("lost", Int64(clamping: batch.lost))
        }
        return ControlAnswer(items: wanted.map(\.json) + [end])
    }
}

extension TapBoard.Entry {
    var json: [UInt8] {
        JSONWriter.object { json in
            json.member("time", RFC3339.format(time))
            json.member("sink", sink)
            json.member("id", id.description)
            json.member("event", event.kind.rawValue)
            json.member("text", EventLine.text(of: event))
            json.member("outcome", outcome)
            json.member("reason", ifPresent: reason)
            json.member("attempts", Int64(attempts))
            json.name("seconds")
            json.number(duration.inSeconds)
        }
    }
}
