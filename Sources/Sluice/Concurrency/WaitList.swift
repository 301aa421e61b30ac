import DequeModule
package import Synchronization

/// Tasks that wait for their turn, the longest waiting first: a part of the state that a lock guards.
///
/// A task comes in by `Mutex.wait(in:onCancel:until:)`. What takes it out, under the lock, resumes it after unlocking.
package struct WaitList<Outcome: Sendable>: Sendable {
    package typealias Waiter = UnsafeContinuation<Outcome, Never>

    private struct Entry: Sendable {
        let id: UInt64
        /// Nil once it was taken out: that leaves the others where they are.
        var waiter: Waiter?
    }

    /// Ascending by id; the first one waits.
    private var entries = Deque<Entry>()
    private var lastID: UInt64 = 0
    /// How many wait.
    package private(set) var count = 0

    package init() {}

    package var isEmpty: Bool { count == 0 }

    fileprivate mutating func makeID() -> UInt64 {
        lastID += 1
        return lastID
    }

    fileprivate mutating func append(_ id: UInt64, _ waiter: Waiter) {
        let entry = Entry(id: id, waiter: waiter)
        count += 1
        if let last = entries.last, last.id > id {
            entries.insert(entry, at: entries.partitioningIndex { $0.id > id })
        } else {
            entries.append(entry)
        }
    }

    /// Takes out the one that waits longest.
    package mutating func popFirst() -> Waiter? {
        guard let first = entries.popFirst() else { return nil }
        count -= 1
        dropTaken()
        return first.waiter
    }

    /// Takes out one of them; nil where it does not wait any more.
    package mutating func remove(_ id: UInt64) -> Waiter? {
        let index = entries.partitioningIndex { $0.id >= id }
        guard index < entries.count, entries[index].id == id, let waiter = entries[index].waiter.take() else {
            return nil
        }
        count -= 1
        dropTaken()
        if entries.count > 2 * count + 16 { entries.removeAll { $0.waiter == nil } }
        return waiter
    }

    /// Takes out all, in the order of their coming.
    package mutating func removeAll() -> [Waiter] {
        guard count > 0 else { return [] }
        defer {
            entries.removeAll()
            count = 0
        }
        return entries.compactMap(\.waiter)
    }

    private mutating func dropTaken() {
        while let first = entries.first, first.waiter == nil { entries.removeFirst() }
    }
}

extension Mutex where Value: Sendable {
    /// Waits in a list of the state until it is taken out of it and resumed.
    /// - Parameters:
    ///   - list: the list.
    ///   - cancelled: what it returns when the task is cancelled first.
    ///   - outcome: says under the lock what there is to return without waiting, if anything.
    ///   - waits: is called, without the lock, once it is in the list, with the number that takes it out.
    package func wait<Outcome: Sendable>(
        in list: any WritableKeyPath<Value, WaitList<Outcome>> & Sendable, onCancel cancelled: Outcome,
        until outcome: (inout Value) -> Outcome?, whenWaiting waits: (UInt64) -> Void = { _ in }
    ) async -> Outcome {
        let id = withLock { $0[keyPath: list].makeID() }
        return await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                let known = withLock { value -> Outcome? in
                    // Looked at under the lock: a cancellation that comes later finds the waiter in the list.
                    if Task.isCancelled { return cancelled }
                    if let known = outcome(&value) { return known }
                    value[keyPath: list].append(id, continuation)
                    return nil
                }
                if let known { continuation.resume(returning: known) } else { waits(id) }
            }
        } onCancel: {
            withLock { $0[keyPath: list].remove(id) }?.resume(returning: cancelled)
        }
    }

    /// The same, where cancellation is an error.
    package func wait(
        in list: any WritableKeyPath<Value, WaitList<Result<Void, any Error>>> & Sendable,
        until outcome: (inout Value) -> Result<Void, any Error>?, whenWaiting waits: (UInt64) -> Void = { _ in }
    ) async throws {
        try await wait(in: list, onCancel: .failure(CancellationError()), until: outcome, whenWaiting: waits).get()
    }

    /// The same, where cancellation ends nothing.
    package func waitThrough<Outcome: Sendable>(
        in list: WritableKeyPath<Value, WaitList<Outcome>>, until outcome: (inout Value) -> Outcome?
    ) async -> Outcome {
        await withUnsafeContinuation { continuation in
            let known = withLock { value -> Outcome? in
                if let known = outcome(&value) { return known }
                let id = value[keyPath: list].makeID()
                value[keyPath: list].append(id, continuation)
                return nil
            }
            if let known { continuation.resume(returning: known) }
        }
    }
}
