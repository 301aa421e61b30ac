import Sluice
import SluiceSQLite

/// Puts together what the journal, the queue and the sinks know of a message.
struct StoryTeller: Sendable {
    /// A sink, as stories know it.
    struct Sink: Sendable {
        let route: String
        let name: String?
        let destination: String?
        /// Which events the route delivers, where the sink has two.
        var part = ReaderPart.whole
    }

    /// So many messages of one id are told of: the first.
    static let mostMessages = 20
    /// And so many are counted.
    private static let mostCounted = 1_000

    /// Nil where there is no journal.
    let journal: JournalReader?
    let queue: StoryQueue
    /// Where incidents are.
    let facts: StoryQueue
    let sinks: @Sendable () -> [Sink]
    let outlook: @Sendable (Sink) -> SinkOutlook

    /// The stories of what an id means.
    /// - Parameter id: a message's, a commit's (or at least 7 of its first digits), what ties messages together, the
    ///   `X-GitHub-Delivery` of a webhook, or an incident's id.
    /// - Throws: ``StoryError`` where nothing is known of it, or where it means several commits.
    func stories(of id: String) async throws(StoryError) -> Stories {
        var problem: String?
        var (notes, entries): ([JournalNote], [JournalEntry]) = ([], [])
        do throws(JournalError) {
            notes = try await journal?.notes(of: id, limit: Self.mostCounted) ?? []
        } catch {
            problem = "\(error)"
        }
        try refuseSeveralCommits(notes, id)
        var ids = notes.map(\.message).distinct
        if ids.isEmpty { ids = [MessageID(id)] }
        let told = Array(ids.prefix(Self.mostMessages))
        if problem == nil {
            entries = (try? await journal?.entries(of: told))?.map(\.toldOfItsOwnRoute) ?? []
        }
        var stories: [Story] = []
        for message in told {
            let story = await story(of: message, notes, entries.filter { $0.message == message })
            if let story { stories.append(story) }
        }
        guard !stories.isEmpty else {
            throw StoryError(
                "nothing is known of \(id.truncated(toBytes: 100).replacingUnsafeCharacters())"
                    + (problem.map { ": \($0)" } ?? (journal == nil ? ": there is no journal (JOURNAL_RETENTION)" : ""))
            )
        }
        return Stories(id: id, stories: stories, leftOut: ids.count - told.count)
    }

    private func refuseSeveralCommits(_ notes: [JournalNote], _ id: String) throws(StoryError) {
        let commits = notes.compactMap(\.commit).filter { $0.hasPrefix(id.lowercased()) }.distinct
        guard commits.count > 1, !notes.contains(where: { $0.message.description == id }) else { return }
        throw StoryError(
            "\(id) is the beginning of several commits: \(commits.prefix(5).joined(separator: ", "))"
                + (commits.count > 5 ? ", and others" : ""))
    }

    /// Where a message is: on the topic of facts where it is an incident, or where the events do not have it.
    private func find(
        _ message: MessageID, _ notes: [JournalNote]
    ) async -> (queue: StoryQueue, isOfFacts: Bool, found: [Story.Position]) {
        let times = notes.map(\.time)
        let kind = notes.compactMap(\.kind).first
        let isIncident = kind.flatMap { Event.Kind(rawValue: $0) }?.isOfFacts == true
        if !isIncident {
            let found = await queue.find(message, times)
            if !found.isEmpty || !notes.isEmpty { return (queue, false, found) }
        }
        let found = await facts.find(message, times)
        return isIncident || !found.isEmpty ? (facts, true, found) : (queue, false, [])
    }

    /// - Returns: nil where nothing is known of it.
    private func story(
        of message: MessageID, _ notes: [JournalNote], _ entries: [JournalEntry]
    ) async -> Story? {
        let notes = notes.filter { $0.message == message }
        let (queue, isOfFacts, found) = await find(message, notes)
        let met = entries.compactMap { entry in
            entry.offset.map { Story.Position(partition: entry.partition, offset: $0) }
        }
        guard !notes.isEmpty || !entries.isEmpty || !found.isEmpty else { return nil }
        var story = Story(message: message.description)
        story.event = notes.compactMap(\.kind).first
        story.key = notes.compactMap(\.key).first
        story.commit = notes.compactMap(\.commit).first
        story.correlation = notes.compactMap(\.correlation).first
        let name = notes.compactMap(\.delivery).first
        if isOfFacts { story.incident = name } else { story.delivery = name }
        var sinks = sinks().filter { ($0.part == .incidents) == isOfFacts }
        // What a sink's pushes were read by while it told them as one is a part of its story.
        let told = entries.map { entry in
            guard let own = ReaderPart.sinksGroup(ofPushes: entry.route), sinks.contains(where: { $0.route == own }),
                !sinks.contains(where: { $0.route == entry.route })
            else { return entry }
            return entry.told(of: own)
        }
        // A sink notes what another gateway may have taken in.
        let takings = notes.filter { note in
            !sinks.contains { $0.route == note.route }
                && !told.contains { $0.route == note.route && $0.offset != nil }
        }
        story.taken = takings.map { Story.Taking(time: $0.time, route: $0.route) }
        story.positions = Array((found + met).distinct.prefix(8))
        let intake = Set(takings.map(\.route))
        for route in told.map(\.route).distinct
        where !intake.contains(route) && !sinks.contains(where: { $0.route == route }) {
            sinks.append(Sink(route: route, name: nil, destination: nil))
        }
        for sink in sinks {
            let own = told.filter { $0.route == sink.route }
            // Another route of the sink delivers it.
            if let kind = story.event, !sink.part.contains(kind), own.allSatisfy({ $0.code == JournalCode(.filtered) })
            {
                continue
            }
            var places: [SQLiteMessagePlace] = []
            for position in story.positions {
                if let place = await queue.place(position, sink.route, !own.isEmpty) { places.append(place) }
            }
            var part = StoryPart(sink.route, own, places)
            part.sink = sink.name
            part.destination = sink.destination ?? part.destination
            part.explain(outlook(sink))
            story.parts.append(part)
        }
        return story
    }
}

/// The stories of an id.
struct Stories: Sendable, Equatable {
    let id: String
    let stories: [Story]
    /// How many further messages the id means.
    let leftOut: Int
}

/// There is nothing to tell.
struct StoryError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

extension Array where Element: Hashable {
    /// Each once, in this order.
    fileprivate var distinct: [Element] {
        var seen: Set<Element> = []
        return filter { seen.insert($0).inserted }
    }
}
