import Sluice

/// What a process knows of keys that the file does not: reserved, or handled and not committed yet. A state machine without I/O.
struct KeyBook {
    struct Key: Hashable, Sendable {
        let scope: String
        let bytes: [UInt8]
    }

    /// What a caller does that has handled a key.
    struct Note {
        /// Tell the writer.
        var announces = false
        /// Have it commit at once, and wait for that.
        var waits = false
        /// Why keys are not kept at this time.
        var failure: (any Error)?
    }

    /// As many are handled and not committed at most, with one more for each caller that is at one.
    static let limit = 256

    private var reserved: Set<Key> = []
    /// Handled, with for how long each is known, in milliseconds.
    private var open: [Key: Int64] = [:]
    /// In the commit that is under way.
    private var writing: [Key: Int64] = [:]
    private var isAnnounced = false
    private var failure: (any Error)?

    /// - Returns: nil where the file has to be asked; the key is reserved then.
    mutating func reserve(_ key: Key) -> Reservation? {
        if open[key] != nil || writing[key] != nil { return .duplicate }
        return reserved.insert(key).inserted ? nil : .inProgress
    }

    mutating func release(_ key: Key) {
        reserved.remove(key)
    }

    mutating func release(_ keys: [Key]) {
        reserved.subtract(keys)
    }

    /// A reserved key was handled.
    mutating func note(_ key: Key, for window: Int64) -> Note {
        reserved.remove(key)
        open[key] = window
        defer { isAnnounced = true }
        return Note(announces: !isAnnounced, waits: isFull, failure: failure)
    }

    /// Whether a caller has to wait for a commit.
    var isFull: Bool { open.count + writing.count >= Self.limit }

    // MARK: The writer's

    /// - Returns: what to write.
    mutating func beginCommit() -> [Key: Int64] {
        isAnnounced = false
        (writing, open) = (open, [:])
        return writing
    }

    /// - Parameter failure: why it has failed, or was not reached: what it was to write is announced again.
    mutating func endCommit(_ failure: (any Error)?) {
        self.failure = failure
        guard failure != nil else { return writing = [:] }
        open.merge(writing) { own, _ in own }
        writing = [:]
        isAnnounced = true
        // Each was told. While nothing can be written, only so much is remembered.
        if isFull { open = [:] }
    }
}
