import Sluice

/// What `sluice top` shows and how keys change it: without a terminal, so that each frame can be tested.
public struct TopView: Sendable {
    /// What the keyboard says.
    public enum Key: Sendable, Equatable {
        case up, down, pageUp, pageDown, home, end, enter, escape, backspace
        case character(Character)
    }

    /// What the program has to do besides drawing.
    public enum Action: Sendable, Equatable {
        case none, quit
    }

    /// How boxes are ordered.
    enum Order: String, CaseIterable, Sendable {
        case configured, waiting, rate, name
    }

    private(set) var snapshot: Snapshot?
    /// Why there is no answer; nil while there is one.
    private(set) var trouble: String?
    private(set) var order = Order.configured
    private(set) var filter = ""
    private(set) var isFiltering = false
    public private(set) var isPaused = false
    /// The box that is marked: `sinks.slack`.
    private(set) var marked: String?
    /// Whether its details are shown.
    private(set) var isOpen = false
    /// How far the details are scrolled.
    private(set) var scroll = 0

    public init() {}

    /// The gateway has answered. A view that is paused keeps what it shows.
    public mutating func take(_ snapshot: Snapshot) {
        trouble = nil
        guard !isPaused || self.snapshot == nil else { return }
        self.snapshot = snapshot
        if marked == nil || !boxes.contains(where: { $0.id == marked }) {
            if isOpen { isOpen = false }
            marked = boxes.first?.id
        }
    }

    /// The gateway has not answered: what it said last stays.
    public mutating func fail(_ reason: String) {
        trouble = reason
    }

    public mutating func press(_ key: Key) -> Action {
        if isFiltering {
            edit(key)
            return .none
        }
        switch key {
        case .character("q"): return .quit
        case .escape, .backspace: if isOpen { close() } else { filter = "" }
        case .character("p"), .character(" "): isPaused.toggle()
        case .character("s"): order = order.next
        case .character("/"): isFiltering = true
        case .enter: if isOpen { close() } else { (isOpen, scroll) = (marked != nil, 0) }
        case .up, .character("k"): move(-1)
        case .down, .character("j"): move(1)
        case .pageUp: move(-10)
        case .pageDown: move(10)
        case .home: move(-.max / 2)
        case .end: move(.max / 2)
        case .character: break
        }
        mark()
        return .none
    }

    private mutating func edit(_ key: Key) {
        switch key {
        case .enter: isFiltering = false
        case .escape: (isFiltering, filter) = (false, "")
        case .backspace: filter = String(filter.dropLast())
        case .character(let character) where filter.count < 64: filter.append(character)
        default: break
        }
        mark()
    }

    private mutating func close() {
        (isOpen, scroll) = (false, 0)
    }

    private mutating func move(_ count: Int) {
        guard !isOpen else { return scroll = max(0, min(scroll + count, 10_000)) }
        let boxes = boxes
        guard let index = boxes.firstIndex(where: { $0.id == marked }) else { return }
        marked = boxes[max(0, min(boxes.count - 1, index + count))].id
    }

    /// What is marked has to be among what is shown.
    private mutating func mark() {
        guard !isOpen, !boxes.contains(where: { $0.id == marked }) else { return }
        marked = boxes.first?.id
    }

    // MARK: Boxes

    /// What can be marked.
    enum Box {
        case source(Snapshot.Source), queue(Snapshot.Queue), sink(Snapshot.Sink)

        var id: String {
            switch self {
            case .source(let source): "sources.\(source.name)"
            case .queue: "queue"
            case .sink(let sink): "sinks.\(sink.name)"
            }
        }

        var name: String {
            switch self {
            case .source(let source): source.name
            case .queue(let queue): queue.topic
            case .sink(let sink): sink.name
            }
        }

        var flow: Snapshot.Flow {
            switch self {
            case .source(let source): source.flow
            case .queue(let queue): queue.flow
            case .sink(let sink): sink.flow
            }
        }

        var waiting: Int64 { if case .sink(let sink) = self { sink.lag } else { 0 } }
    }

    /// Sources, the queue and sinks that the filter lets through; within each in the order that was chosen.
    var boxes: [Box] {
        guard let snapshot else { return [] }
        let groups = [
            snapshot.sources.map(Box.source), [Box.queue(snapshot.queue)], snapshot.sinks.map(Box.sink),
        ]
        return groups.flatMap { sorted($0.filter { filter.isEmpty || $0.name.contains(filter) }) }
    }

    private func sorted(_ boxes: [Box]) -> [Box] {
        switch order {
        case .configured: boxes
        case .name: boxes.sorted { $0.name < $1.name }
        case .waiting: boxes.sorted { ($1.waiting, $0.name) < ($0.waiting, $1.name) }
        case .rate: boxes.sorted { ($1.flow.perSecond, $0.name) < ($0.flow.perSecond, $1.name) }
        }
    }
}

extension TopView.Order {
    fileprivate var next: Self {
        let all = Self.allCases
        let index = all.firstIndex(of: self) ?? 0
        return all[(index + 1) % all.count]
    }
}
