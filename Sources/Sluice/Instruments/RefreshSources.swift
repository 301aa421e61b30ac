import Synchronization

/// What is done before each export, for the program and for parts of it that may end before the rest.
final class RefreshSources: Sendable {
    private struct WeakPart {
        weak var sources: RefreshSources?
    }

    private struct Source: Sendable {
        /// Nil where the update is for good.
        weak var owner: (any AnyObject & Sendable)?
        let isOwned: Bool
        let update: @Sendable () -> Void

        var isOver: Bool { isOwned && owner == nil }
    }

    private let sources = Mutex<[Source]>([])
    private let parts = Mutex<[WeakPart]>([])
    /// What these are a part of.
    private let whole: RefreshSources?

    init(partOf whole: RefreshSources? = nil) {
        self.whole = whole
        whole?.parts.withLock { parts in
            parts.removeAll { $0.sources == nil }
            parts.append(WeakPart(sources: self))
        }
    }

    /// How many closures ``refresh()`` calls, those of parts included.
    var count: Int {
        let parts = parts.withLock { $0.compactMap(\.sources) }
        return parts.reduce(sources.withLock(\.count)) { $0 + $1.count }
    }

    func add(for owner: (any AnyObject & Sendable)?, _ update: @escaping @Sendable () -> Void) {
        sources.withLock { sources in
            sources.removeAll(where: \.isOver)
            sources.append(Source(owner: owner, isOwned: owner != nil, update: update))
        }
    }

    func refresh() {
        for source in sources.withLock(\.self) where !source.isOver { source.update() }
        for part in parts.withLock({ $0.compactMap(\.sources) }) { part.refresh() }
    }

    /// The part has ended: its figures are brought up to date for the last time, and everything that they were read from
    /// is let go.
    func end() {
        refresh()
        sources.withLock { $0 = [] }
        whole?.parts.withLock { parts in parts.removeAll { $0.sources == nil || $0.sources === self } }
    }
}
