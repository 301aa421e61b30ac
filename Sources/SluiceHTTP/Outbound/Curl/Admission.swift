import DequeModule

/// Decides which request goes next: first come first served within a host, hosts in turn, each within its limit.
///
/// A request that was cancelled is not searched for: it is still handed out, and the caller gives its place back.
struct Admission<Element> {
    private struct Lane {
        var running = 0
        var waiting = Deque<Element>()
        /// Whether its key is in `ready`.
        var isReady = false
    }

    let limit: Int
    let limitPerLane: Int
    private var running = 0
    private var lanes: [String: Lane] = [:]
    /// The lanes that have both someone waiting and room.
    private var ready = Deque<String>()

    init(limit: Int, limitPerLane: Int) {
        self.limit = limit
        self.limitPerLane = limitPerLane
    }

    mutating func add(_ element: Element, to key: String) {
        lanes[key, default: Lane()].waiting.append(element)
        markReady(key)
    }

    /// The next to go; it holds its place until `leave` is called with its key.
    mutating func next() -> Element? {
        guard running < limit, let key = ready.popFirst() else { return nil }
        running += 1
        lanes[key]?.isReady = false
        lanes[key]?.running += 1
        let element = lanes[key]?.waiting.popFirst()
        markReady(key)
        return element
    }

    mutating func leave(_ key: String) {
        running -= 1
        lanes[key]?.running -= 1
        markReady(key)
        if let lane = lanes[key], lane.running == 0, lane.waiting.isEmpty { lanes[key] = nil }
    }

    private mutating func markReady(_ key: String) {
        guard let lane = lanes[key], !lane.isReady, !lane.waiting.isEmpty, lane.running < limitPerLane else { return }
        lanes[key]?.isReady = true
        ready.append(key)
    }
}
