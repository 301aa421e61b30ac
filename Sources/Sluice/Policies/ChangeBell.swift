import Synchronization

/// Tells what goes by a policy that it has changed.
final class ChangeBell: Sendable {
    private struct Follower {
        weak var owner: (any AnyObject & Sendable)?
        let body: @Sendable () -> Void
    }

    private struct State {
        var followers: [UInt64: Follower] = [:]
        var next: UInt64 = 0
        /// So many followers, and those without an owner are forgotten.
        var bound = 64
        var rings: UInt64 = 0
        var isRinging = false
    }

    private let state = Mutex(State())

    /// Has `body` called at each ring, for as long as `owner` lives. It is called without a lock.
    @discardableResult
    func follow(for owner: some AnyObject & Sendable, _ body: @escaping @Sendable () -> Void) -> UInt64 {
        state.withLock { state in
            if state.followers.count >= state.bound {
                state.followers = state.followers.filter { $0.value.owner != nil }
                state.bound = max(64, state.followers.count * 2)
            }
            state.next += 1
            state.followers[state.next] = Follower(owner: owner, body: body)
            return state.next
        }
    }

    func unfollow(_ id: UInt64) {
        state.withLock { _ = $0.followers.removeValue(forKey: id) }
    }

    /// Calls them in the order of their coming, so that the same run goes the same way again. Where several threads ring,
    /// one of them calls for all: the one that is called last sees what came last.
    func ring() {
        guard
            state.withLock({ state in
                state.rings += 1
                defer { state.isRinging = true }
                return !state.isRinging
            })
        else { return }
        while true {
            let (rung, followers) = state.withLock { state in
                state.followers = state.followers.filter { $0.value.owner != nil }
                return (state.rings, state.followers.valuesInOrder)
            }
            for follower in followers where follower.owner != nil { follower.body() }
            let isDone = state.withLock { state in
                state.isRinging = state.rings != rung
                return !state.isRinging
            }
            if isDone { return }
        }
    }

    /// How many would be told.
    var count: Int { state.withLock { $0.followers.values.count { $0.owner != nil } } }
}

extension Ticket {
    /// A ticket that is granted at the next ring of any of these bells.
    ///
    /// It is made before the policies are read: a change that comes later than that is not missed.
    static func untilChange<Result>(
        of bells: [ChangeBell], _ body: (Ticket) async throws -> Result
    ) async rethrows -> Result {
        let ticket = Ticket()
        let followed = bells.map { bell in (bell, bell.follow(for: ticket) { [weak ticket] in _ = ticket?.grant() }) }
        defer { for (bell, id) in followed { bell.unfollow(id) } }
        return try await body(ticket)
    }
}
