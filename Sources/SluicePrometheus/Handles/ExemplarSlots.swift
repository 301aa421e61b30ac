import Synchronization

/// The newest exemplar of each bucket, written out already.
///
/// A slot takes a new one at most every 100 ms; until then an offer costs one read of the coarse clock. Texts that some
/// parser of OpenMetrics cannot read are dropped.
struct ExemplarSlots: ~Copyable, Sendable {
    static let interval: UInt64 = 100
    /// OpenMetrics 1.0.0, "Exemplars": the names and values of the labels together.
    static let longest = 128

    private let count: Int
    /// When each slot was last written, in milliseconds.
    private let written: Cells
    private let texts = Mutex<[[UInt8]?]>([])

    init(count: Int) {
        self.count = count
        written = Cells(count: count, striped: false)
    }

    @inline(__always)
    func offer(_ value: Double, in slot: Int, label: String, text: String) {
        let now = WallClock.coarseMilliseconds()
        let before = written.load(slot)
        // Wraps when the clock was set back, which opens the slot.
        if now &- before >= Self.interval { write(value, in: slot, label: label, text: text, now, before) }
    }

    @inline(never)
    private func write(_ value: Double, in slot: Int, label: String, text: String, _ now: UInt64, _ before: UInt64) {
        let name = MetricName.label(label)
        guard
            name.utf8.count + text.utf8.count <= Self.longest
                || name.unicodeScalars.count + text.unicodeScalars.count <= Self.longest
        else { return }
        // Prometheus 2.42 refuses the whole scrape for a NUL in an exemplar, and prometheus-client's parser for a quote.
        // An exemplar is not worth that: it takes only what needs no escape.
        guard !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F || $0 == 0x22 || $0 == 0x5C }),
            written.replace(slot, before, with: now)
        else { return }
        var line = Array(" # {".utf8)
        line.append(contentsOf: name.utf8)
        line.append(contentsOf: "=\"".utf8)
        line.append(contentsOf: text.utf8)
        line.append(contentsOf: "\"} ".utf8)
        NumberText.append(value, to: &line)
        line.append(UInt8(ascii: " "))
        NumberText.append(now / 1_000, to: &line)
        line.append(UInt8(ascii: "."))
        let milliseconds = now % 1_000
        for digit in [milliseconds / 100, milliseconds / 10 % 10, milliseconds % 10] {
            line.append(UInt8(ascii: "0") + UInt8(digit))
        }
        texts.withLock { texts in
            if texts.isEmpty { texts = Array(repeating: nil, count: count) }
            texts[slot] = line
        }
    }

    /// One text a slot, or an empty array when there was never one.
    func snapshot() -> [[UInt8]?] {
        texts.withLock { $0 }
    }
}
