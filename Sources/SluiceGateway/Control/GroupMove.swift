import Sluice

/// That a group of Kafka's is being moved: each gateway's route leaves the group until that is over.
///
/// Kept as `{"id":"…","until":"2026-01-02T03:04:05Z","over":false}`, of each route the newest.
struct GroupMove: Sendable, Equatable {
    /// A gateway whose clock is wrong keeps its route from reading no longer than this.
    static let longest: Duration = .seconds(60)

    let id: String
    let route: String
    /// When the routes go on although nothing has said that it is over, as when the gateway that moves it was killed.
    let until: Timestamp
    var isOver = false

    init(of route: String, id: String = MessageID().description, until: Timestamp) {
        self.id = id
        self.route = route
        self.until = until
    }

    /// How long routes wait for its end; nil when they do not, or not any more.
    func remaining(at now: Timestamp) -> Duration? {
        guard !isOver, until > now else { return nil }
        let milliseconds = until.millisecondsSince1970.subtractingSaturated(now.millisecondsSince1970)
        return min(.milliseconds(milliseconds), Self.longest)
    }

    func encode() -> [UInt8] {
        JSONWriter.object { json in
            json.member("id", id)
            json.member("until", RFC3339.format(until))
            json.member("over", isOver)
        }
    }

    /// - Returns: nil for what cannot be read, which moves nothing: Kafka refuses to move a group that is read.
    static func decode(_ bytes: [UInt8], route: String) -> GroupMove? {
        var id: String?
        var until: Timestamp?
        var isOver = false
        do {
            try JSONReader.fields(of: bytes) { (reader) throws(JSONError) in
                try reader.fieldOrSkip("id", &id)
                if reader.isAt("until") { until = try reader.stringOrSkip().flatMap(RFC3339.parse) }
                try reader.field("over", &isOver)
            }
        } catch {
            id = nil
        }
        guard let id, let until else { return nil }
        var move = GroupMove(of: route, id: id, until: until)
        move.isOver = isOver
        return move
    }
}
