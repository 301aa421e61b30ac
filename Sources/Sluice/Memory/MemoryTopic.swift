import Synchronization

/// One topic of a ``MemoryBroker``: a lock around its state, and what must be done outside of it.
final class MemoryTopic: Sendable {
    private struct State {
        var topic: MemoryTopicState
        var publishers = MemoryPublishers()
    }

    /// Whom to resume after unlocking.
    private struct Effects {
        var consumers: [Subscription.Wake] = []
        var publishers: [MemoryPublishers.Continuation] = []
    }

    private let configuration: MemoryBroker.Configuration
    private let time: RouterTime
    private let state: Mutex<State>
    private let lead = Lead()

    init(_ configuration: MemoryBroker.Configuration, time: RouterTime) {
        self.configuration = configuration
        self.time = time
        state = Mutex(
            State(
                topic: MemoryTopicState(
                    isPersistent: configuration.persistent, pacing: configuration.pacing, time: time)))
    }

    /// Ends every subscription and lets go of every group: nothing can be published or subscribed to any more.
    func end() {
        let subscriptions = state.withLock { $0.topic.removeAll() }
        for subscription in subscriptions { subscription.finish() }
        lead.end()
    }

    /// Changes the state, wakes a publish that waits if there is room for it, and resumes whom that concerns.
    private func update<Result: Sendable>(_ body: (inout State, inout Effects) -> Result) -> Result {
        let (result, effects, exhausted) = state.withLock { state in
            var effects = Effects()
            let result = body(&state, &effects)
            if let first = state.publishers.queue.first, state.topic.room > 0 {
                // One at a time: it wakes the next when it leaves room.
                if let waiting = state.publishers.wake(first) { effects.publishers.append(waiting) }
            }
            defer { if !state.topic.exhausted.isEmpty { state.topic.exhausted = [] } }
            return (result, effects, state.topic.exhausted)
        }
        for wake in effects.consumers { wake() }
        for publisher in effects.publishers { publisher.resume(returning: .proceed) }
        for (subscription, key) in exhausted { subscription.shelf?.noteExhausted(key) }
        return result
    }

    func backlog(_ group: String) -> Int {
        state.withLock { state in
            state.topic.groups.first { $0.settler.name == group }.map { state.topic.pending($0) } ?? 0
        }
    }
}

// MARK: Publishing

extension MemoryTopic {
    /// Publishes as many of the messages as there is room for now.
    /// - Returns: how many; the rest is for ``publish(_:from:of:)``.
    func publishNow(_ messages: [Message], _ keys: [[UInt8]?]) -> Int {
        guard !configuration.waitsForAcknowledgement else { return 0 }
        let direct = state.withLock { state in
            state.publishers.queue.isEmpty ? state.topic.acceptDirectly(messages, keys) : nil
        }
        if let (taken, wake) = direct {
            wake()
            return taken
        }
        return update { state, effects in state.topic.accept(messages[...], keys, &effects.consumers) }
    }

    /// Publishes the messages from `first` on, waiting for room and, where configured, for acknowledgement.
    func publish(
        _ messages: [Message], _ keys: [[UInt8]?], from first: Int, of publisher: MemoryPublisher
    ) async throws {
        let call = state.withLock { $0.publishers.begin(of: publisher) }
        defer { state.withLock { $0.publishers.end(call) } }
        var accepted = first
        var signal = MemoryPublishers.Signal.proceed
        while accepted < messages.count, signal == .proceed {
            signal = await wait(call, of: publisher) { state in
                state.topic.room > 0 ? .ready : .wait(forRoom: true)
            }
            guard signal == .proceed else { break }
            accepted += update { state, effects in
                let start = state.topic.end
                let taken = state.topic.accept(messages[accepted...], keys, &effects.consumers)
                if configuration.waitsForAcknowledgement {
                    let groups = state.topic.groups.map { ObjectIdentifier($0.settler) }
                    state.publishers.expect(start..<start &+ UInt64(taken), from: groups, for: call)
                }
                return taken
            }
        }
        if signal == .proceed, configuration.waitsForAcknowledgement {
            signal = await wait(call, of: publisher) { state in
                (state.publishers.calls[call]?.owed ?? 0) == 0 ? .ready : .wait(forRoom: false)
            }
        }
        if signal != .proceed {
            let reason: any Error = signal == .closed ? ClosedError("memory publisher") : CancellationError()
            // Nothing was accepted, or nothing counts as accepted before it is acknowledged.
            if accepted == 0 || configuration.waitsForAcknowledgement { throw reason }
            throw PublishError(notAccepted: messages[accepted...].map(\.id), underlying: reason)
        }
    }

    /// Ends the waits of a publisher that is being closed.
    func endWaiting(of publisher: MemoryPublisher) {
        let waiting = state.withLock { $0.publishers.wakeAll(of: publisher) }
        for continuation in waiting { continuation.resume(returning: .closed) }
    }

    private enum Readiness {
        case ready
        case wait(forRoom: Bool)
    }

    private func wait(
        _ call: UInt64, of publisher: MemoryPublisher, until readiness: @Sendable (inout State) -> Readiness
    ) async -> MemoryPublishers.Signal {
        await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                let now = state.withLock { state -> MemoryPublishers.Signal? in
                    guard case .wait(let forRoom) = readiness(&state) else { return .proceed }
                    // Both under the lock: a cancellation or a close that comes later finds the continuation.
                    if Task.isCancelled { return .cancelled }
                    if publisher.isClosed { return .closed }
                    state.publishers.wait(call, continuation, forRoom: forRoom)
                    return nil
                }
                if let now { continuation.resume(returning: now) }
            }
        } onCancel: {
            let continuation = state.withLock { $0.publishers.wake(call) }
            continuation?.resume(returning: .cancelled)
        }
    }
}

// MARK: Subscribing

extension MemoryTopic {
    func subscribe(
        group name: String?, capacity: Int, maxInFlight: Int?, onEnd: @escaping @Sendable () -> Void
    ) -> Subscription {
        let member = MemoryMember()
        let shelf = Shelf(
            .volatile, maxInFlight: maxInFlight ?? .max, onReading: { self.noteReading(member) },
            onRequest: { self.request($0, member) }, onOpen: { self.deliver() })
        let subscription = Subscription(
            holding: capacity, shelf: shelf,
            onDemand: { self.deliver() },
            onEnd: {
                self.detach()
                onEnd()
            }, time: time)
        member.join(subscription)
        update { state, effects in
            let named = name == nil ? nil : state.topic.groups.firstIndex { $0.settler.name == name }
            let index = named ?? state.topic.groups.count
            if named == nil {
                let group = MemoryGroup(
                    name, maxInFlight: maxInFlight,
                    tracks: maxInFlight != nil || configuration.waitsForAcknowledgement, topic: self)
                state.topic.addGroup(group, capacity: capacity)
            }
            state.topic.add(subscription, toGroup: index)
            state.topic.deliver(index, &effects.consumers)
            state.topic.trim()
        }
        return subscription
    }

    /// A subscription has room again.
    private func deliver() {
        update { state, effects in
            for index in state.topic.groups.indices { state.topic.deliver(index, &effects.consumers) }
            state.topic.trim()
        }
    }

    /// Lets go of subscriptions that have ended, and of groups without a name that have none left.
    private func detach() {
        update { state, effects in
            for gone in state.topic.removeEnded() {
                effects.publishers += state.publishers.forget(ObjectIdentifier(gone))
            }
            for index in state.topic.groups.indices { state.topic.deliver(index, &effects.consumers) }
            state.topic.trim()
        }
    }
}

// MARK: The shelf

/// A subscription as its shelf knows it, which is made before it.
private final class MemoryMember: Sendable {
    private let known = Mutex<ObjectIdentifier?>(nil)

    func join(_ subscription: Subscription) { known.withLock { $0 = ObjectIdentifier(subscription) } }

    var subscription: ObjectIdentifier? { known.withLock(\.self) }
}

extension MemoryTopic {
    private func noteReading(_ member: MemoryMember) {
        let subscription = member.subscription
        update { state, effects in
            guard let index = state.topic.index(of: subscription) else { return }
            state.topic.noteReading(index)
            state.topic.deliver(index, &effects.consumers)
            state.topic.trim()
        }
    }

    private func request(_ key: [UInt8], _ member: MemoryMember) {
        let subscription = member.subscription
        update { state, effects in
            guard let index = state.topic.index(of: subscription) else { return }
            state.topic.groups[index].shelf.request(key, for: subscription)
            state.topic.deliver(index, &effects.consumers)
            state.topic.trim()
        }
    }

    func shelve(_ returned: MemoryTopicState.Returned, _ key: [UInt8], of group: MemoryGroup) {
        update { state, effects in
            guard let index = state.topic.index(of: group) else { return }
            state.topic.shelve(returned, key, index)
            state.topic.deliver(index, &effects.consumers)
            state.topic.trim()
        }
    }
}

// MARK: Settling

extension MemoryTopic {
    func acknowledge(_ sequence: UInt64, of group: MemoryGroup) {
        update { state, effects in
            if let waiting = state.publishers.acknowledge(sequence, by: ObjectIdentifier(group)) {
                effects.publishers.append(waiting)
            }
            guard group.maxInFlight != nil, let index = state.topic.index(of: group) else { return }
            state.topic.groups[index].unsettled -= 1
            state.topic.deliver(index, &effects.consumers)
            state.topic.trim()
        }
    }

    func reject(_ returned: MemoryTopicState.Returned, of group: MemoryGroup, after delay: Duration?) {
        let now = time.now
        let due = update { state, effects -> MonotonicTime in
            // A group without a name is gone with its subscription, and its messages with it.
            guard let index = state.topic.index(of: group) else { return .longAgo }
            let due = state.topic.reject(returned, index, after: delay, now: now)
            state.topic.bringBack(index, now, &effects.consumers)
            return due
        }
        guard due > now, lead.begin(self) else { return }
        time.after(now.duration(to: due)) { [lead] in lead.topic?.bringBack() }
    }

    /// Something that was rejected is due.
    private func bringBack() {
        let now = time.now
        update { state, effects in
            for index in state.topic.groups.indices { state.topic.bringBack(index, now, &effects.consumers) }
        }
    }
}

/// What timers hold instead of a topic: one that goes before they fire is not kept by them.
private final class Lead: Sendable {
    private struct State {
        var topic: MemoryTopic?
        var hasEnded = false
    }

    private let state = Mutex(State())

    var topic: MemoryTopic? { state.withLock(\.topic) }

    /// - Returns: false when the topic has ended.
    func begin(_ topic: MemoryTopic) -> Bool {
        state.withLock { state in
            guard !state.hasEnded else { return false }
            state.topic = topic
            return true
        }
    }

    func end() {
        state.withLock { $0 = State(hasEnded: true) }
    }
}
