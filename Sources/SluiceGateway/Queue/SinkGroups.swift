import SluiceKafka

/// How the groups of a sink become two, or one, on Kafka: each step is one commit to one group, and from what the groups have
/// committed follows the next step. So a gateway that is killed in between is followed by another, or by itself, and two
/// gateways may do it at the same time.
///
/// While two groups have become one, what each had settled stands in two groups that nothing reads: the one of the pushes, and
/// one for what is urgent. The note of the latter says how far that has come.
struct SinkGroups: Equatable {
    typealias Settled = [Int32: KafkaSettled]

    /// What to commit next.
    enum Step: Equatable {
        /// The sink's own group. Refused while a gateway reads it.
        case own(Settled)
        case pushes(Settled)
        /// What the group for what is urgent had settled.
        case urgent(Settled)
    }

    enum Note {
        /// What is urgent is written down, and the sink's group may not have gone back yet.
        static let preparing = "preparing"
        /// The sink's group goes on with what both have settled.
        static let united = "united"
        /// It is about to be what is urgent again.
        static let dividing = "dividing"
        /// Counts for nothing.
        static let void = "void"
    }

    var own: Settled
    var pushes: Settled
    var urgent: Settled

    /// - Returns: nil when the sink can be read by two groups.
    var stepToDivide: Step? {
        switch note {
        case Note.united?:
            let divided = own.merging(pushes) { $0.union($1) }
            guard pushes.isLike(divided) else { return .pushes(divided) }
            return .urgent(urgent.noted(Note.dividing))
        case Note.dividing?: return finishDividing
        case Note.preparing? where isUnited: return .urgent(urgent.noted(Note.united))
        case Note.preparing?: return .urgent(urgent.noted(Note.void))
        default: return isDivided ? nil : own.isEmpty ? nil : .pushes(own.noted(""))
        }
    }

    /// - Returns: nil when the sink can be read by one group.
    var stepToUnite: Step? {
        switch note {
        case Note.united?:
            guard isPast else { return nil }
            // First that of the pushes: without the other they would be a sink's that is still divided.
            return isDivided ? .pushes(pushes.noted(Note.void)) : .urgent(urgent.noted(Note.void))
        case Note.dividing?: return finishDividing
        case Note.preparing?:
            if isUnited { return .urgent(urgent.noted(Note.united)) }
            guard urgent.isLike(own) else { return .urgent(own.noted(Note.preparing)) }
            return .own(common)
        default:
            guard isDivided else { return nil }
            if own.isLike(pushes) { return .pushes(pushes.noted(Note.void)) }
            return .urgent(own.noted(Note.preparing))
        }
    }

    /// What each of the two had settled, where they have become one and not all of it is settled again.
    var parts: (urgent: Settled, pushes: Settled)? { note == Note.united ? (urgent, pushes) : nil }

    private var finishDividing: Step {
        let divided = own.merging(urgent) { $0.union($1) }
        return own.isLike(divided) ? .urgent(urgent.noted(Note.void)) : .own(divided)
    }

    /// Nil where there is none, or it counts for nothing.
    private var note: String? { urgent.values.first.map(\.note).flatMap { $0 == Note.void ? nil : $0 } }

    private var isDivided: Bool { !pushes.isEmpty && pushes.values.allSatisfy { $0.note != Note.void } }

    /// Partitions that one of them has not come to are settled by none.
    private var common: Settled {
        own.keys.reduce(into: [:]) { common, partition in
            let before = urgent[partition] ?? own[partition] ?? KafkaSettled()
            common[partition] = before.intersection(pushes[partition] ?? KafkaSettled())
        }
    }

    /// Whether the sink's group has gone back to what both have settled.
    private var isUnited: Bool { own.isLike(common) }

    /// Whether the group has settled all that its parts had.
    private var isPast: Bool {
        own.isLike(own.merging(urgent) { $0.union($1) }.merging(pushes) { $0.union($1) })
    }
}

extension SinkGroups.Settled {
    func noted(_ note: String) -> Self { mapValues { $0.noted(note) } }

    func isLike(_ other: Self) -> Bool {
        keys == other.keys && allSatisfy { partition, settled in other[partition].map(settled.isLike) ?? false }
    }
}
