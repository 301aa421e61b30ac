import Logging
import Sluice
import SluiceKafka
import SluiceSQLite
import Synchronization

/// Sinks that are read by two groups, or were.
extension KafkaQueue {
    /// More steps than it ever takes.
    private static let longest = 12

    /// Those that read by a group of their own: what a sink's pushes are read by follows from the sink's own.
    var readersOfTheirOwn: [(route: String, start: ReaderStart)] {
        state.withLock { state in state.readers.filter { !state.sinks.isPushesGroup($0.route) } }
    }

    func follow(_ sink: ConfiguredSink) -> PartedReader { state.withLock { $0.sinks.follow(sink) } }

    func mayWait(_ group: String) -> Bool { true }

    func arrangeSinks() async throws {
        for group in state.withLock(\.sinks.groups) {
            do {
                try await arrange(group)
            } catch let error as KafkaError where error.saysThatTheGroupHasMembers {
                // Its routes wait until no other gateway reads it otherwise, and nothing else does.
                logger.warning("a sink waits for its group", metadata: ["group": "\(group)", "error": "\(error)"])
            }
        }
    }

    /// Makes two groups of a sink's one, or one of two.
    func arrange(_ group: String) async throws {
        guard let (isDivided, parted) = state.withLock({ $0.sinks.reader(of: group) }) else { return }
        let isAnothers = state.withLock { state in
            state.readers.contains { $0.route == ReaderPart.pushesGroup(of: group) }
        }
        if isDivided {
            _ = try await perform(of: group, \.stepToDivide)
        } else if !isAnothers, try await log.rememberedReaders().contains(ReaderPart.pushesGroup(of: group)) == false {
            let parts = try await perform(of: group, \.stepToUnite).parts
            parted.set(parts.map(PartedReader.handled) ?? [:])
        }
        state.withLock { $0.sinks.noteArranged(group) }
    }

    /// The sink's group was moved: what its parts had settled counts for nothing any more.
    func forgetParts(of group: String) async throws {
        guard let (isDivided, parted) = state.withLock({ $0.sinks.reader(of: group) }), !isDivided else { return }
        let groups = try await read(group)
        guard groups.parts != nil else { return }
        try await topics.commit(groups.urgent.noted(SinkGroups.Note.void), of: events, by: urgentGroup(of: group))
        try await topics.commit(groups.pushes.noted(SinkGroups.Note.void), of: events, by: pushesGroup(of: group))
        parted.set([:])
    }

    private func perform(of group: String, _ next: (SinkGroups) -> SinkGroups.Step?) async throws -> SinkGroups {
        for _ in 0..<Self.longest {
            let groups = try await read(group)
            guard let step = next(groups) else { return groups }
            // Refused while a gateway reads it otherwise: nothing may change then.
            try await topics.commit(groups.own, of: events, by: self.group(of: group))
            switch step {
            case .own(let settled): try await topics.commit(settled, of: events, by: self.group(of: group))
            case .pushes(let settled): try await topics.commit(settled, of: events, by: pushesGroup(of: group))
            case .urgent(let settled): try await topics.commit(settled, of: events, by: urgentGroup(of: group))
            }
        }
        throw HandlerError(
            "the groups of \(group) change while they are read", reason: "group_changes", disposition: .retry())
    }

    private func read(_ group: String) async throws -> SinkGroups {
        SinkGroups(
            own: try await topics.settled(of: events, by: self.group(of: group)),
            pushes: try await other(pushesGroup(of: group), of: group),
            urgent: try await other(urgentGroup(of: group), of: group))
    }

    /// Groups that a gateway may not read it has never had.
    private func other(_ name: String, of group: String) async throws -> SinkGroups.Settled {
        let isDivided = state.withLock { $0.sinks.reader(of: group)?.isDivided ?? false }
        do {
            return try await topics.settled(of: events, by: name)
        } catch let error as KafkaError where error.saysThatTheGroupIsForbidden && !isDivided {
            return [:]
        }
    }

    private func pushesGroup(of group: String) -> String { self.group(of: ReaderPart.pushesGroup(of: group)) }

    private func urgentGroup(of group: String) -> String { self.group(of: group) + "-urgent" }
}

extension PartedReader {
    fileprivate static func handled(_ parts: (urgent: SinkGroups.Settled, pushes: SinkGroups.Settled)) -> [Int32:
        Handled]
    {
        var handled: [Int32: Handled] = [:]
        for partition in Set(parts.urgent.keys).union(parts.pushes.keys) {
            handled[partition] = Handled(
                urgent: (parts.urgent[partition] ?? KafkaSettled()).offsets,
                pushes: (parts.pushes[partition] ?? KafkaSettled()).offsets)
        }
        return handled
    }
}
