import Foundation
import Sluice

/// Messages that are sent again by a route: what was asked for. It does not change; how far it is says ``RedriveProgress``.
struct RedriveJob: Sendable, Equatable {
    enum Kind: String, Sendable {
        /// Messages of the poison queue go back to where they failed.
        case retry
        /// Events go through a sink once more.
        case replay
    }

    var id: Int64 = 0
    var kind: Kind
    /// The route that works it off, by the name of its live messages' route.
    var lane: String
    /// What the route is called by people: the sink's name.
    var name: String
    /// Who asked for it, as the kernel says.
    var by = ""
    var created = Timestamp(millisecondsSince1970: 0)
    /// Messages a second at most.
    var rate: Double?
    /// How many messages it has.
    var total: Int64 = 0
    /// It stops when a larger share of its messages fails again.
    var failureShare = RedriveLimits.failureShare

    /// Of a retry: offsets on the poison topic.
    var selected = OffsetSet()
    /// Those of them that go first.
    var canaries: [Int64] = []
    /// The keys of their causes.
    var causes: [String] = []

    /// Of a replay: the stretch of events, the end included.
    var after: Int64 = 0
    var through: Int64 = 0
    /// As `--only` has them.
    var only: [String] = []
    var skipsDelivered = false

    /// What it is about, for people.
    var words: String {
        switch kind {
        case .retry:
            "retry of \(total) poisoned messages to \(name)"
                + (canaries.isEmpty ? "" : ", \(canaries.count) of them first")
        case .replay:
            "replay of \(total) events to \(name)" + (only.isEmpty ? "" : " (\(only.joined(separator: "; ")))")
                + (skipsDelivered ? ", without what was delivered" : "")
        }
    }

    // MARK: As it is kept

    func write(_ json: inout JSONWriter) { write(&json, withSelection: true) }

    /// - Parameter withSelection: whether with the messages one by one, which may be many.
    func write(_ json: inout JSONWriter, withSelection: Bool) {
        json.member("id", id)
        json.member("kind", kind.rawValue)
        json.member("lane", lane)
        json.member("name", name)
        json.member("by", by)
        json.member("created", RFC3339.format(created))
        if let rate {
            json.name("rate")
            json.string("\(rate)")
        }
        json.member("total", total)
        json.member("failure_share", "\(failureShare)")
        switch kind {
        case .retry:
            if withSelection {
                json.member("selected_through", selected.through)
                json.member("selected", Data(selected.encodeAhead()).base64EncodedString())
            }
            json.name("canaries")
            json.array { json in for offset in canaries { json.integer(offset) } }
            json.name("causes")
            json.array { json in for cause in causes { json.string(cause) } }
        case .replay:
            json.member("after", after)
            json.member("through", through)
            json.name("only")
            json.array { json in for word in only { json.string(word) } }
            json.member("skip_delivered", skipsDelivered)
        }
    }

    var encoded: String { String(decoding: JSONWriter.object(write), as: UTF8.self) }

    /// Nil for what cannot be read: written by a newer version, or damaged.
    static func decode(_ text: String) -> RedriveJob? {
        var job = RedriveJob(kind: .replay, lane: "", name: "")
        var kind: Kind?
        var (selectedThrough, selected): (Int64, [UInt8]) = (0, [])
        do {
            try JSONReader.read(Array(text.utf8)) { (reader) throws(JSONError) in
                try reader.object { (key, reader) throws(JSONError) in
                    if key == "id" {
                        job.id = try reader.number().integer() ?? 0
                    } else if key == "kind" {
                        kind = Kind(rawValue: try reader.string())
                    } else if key == "lane" {
                        job.lane = try reader.string()
                    } else if key == "name" {
                        job.name = try reader.string()
                    } else if key == "by" {
                        job.by = try reader.string()
                    } else if key == "created" {
                        job.created = RFC3339.parse(try reader.string()) ?? job.created
                    } else if key == "rate" {
                        job.rate = Double(try reader.string()).flatMap { $0 > 0 && $0.isFinite ? $0 : nil }
                    } else if key == "total" {
                        job.total = try reader.number().integer() ?? 0
                    } else if key == "failure_share" {
                        job.failureShare = Double(try reader.string()) ?? job.failureShare
                    } else if key == "selected_through" {
                        selectedThrough = try reader.number().integer() ?? 0
                    } else if key == "selected" {
                        selected = Data(base64Encoded: try reader.string()).map { [UInt8]($0) } ?? []
                    } else if key == "canaries" {
                        job.canaries = try reader.integers()
                    } else if key == "causes" {
                        job.causes = try reader.texts()
                    } else if key == "after" {
                        job.after = try reader.number().integer() ?? 0
                    } else if key == "through" {
                        job.through = try reader.number().integer() ?? 0
                    } else if key == "only" {
                        job.only = try reader.texts()
                    } else if key == "skip_delivered" {
                        job.skipsDelivered = try reader.boolean()
                    }
                }
            }
        } catch {
            return nil
        }
        guard let kind, job.id > 0, !job.lane.isEmpty, selectedThrough >= 0 else { return nil }
        job.kind = kind
        job.selected = selected.withUnsafeBytes { OffsetSet(through: selectedThrough, ahead: $0) }
        return job
    }
}

extension JSONReader {
    fileprivate mutating func texts() throws(JSONError) -> [String] {
        var found: [String] = []
        try array { (reader) throws(JSONError) in found.append(try reader.string()) }
        return found
    }

    fileprivate mutating func integers() throws(JSONError) -> [Int64] {
        var found: [Int64] = []
        try array { (reader) throws(JSONError) in if let next = try reader.number().integer() { found.append(next) } }
        return found
    }
}
