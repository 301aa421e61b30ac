import Sluice

/// Which traces are kept. The names are OpenTelemetry's.
public struct TraceSampler: Sendable, Hashable {
    /// As the variable `OTEL_TRACES_SAMPLER` has it.
    public let rawValue: String
    private let root: Root
    private let isParentBased: Bool

    private enum Root: Hashable { case on, off, ratio }

    private init(_ name: String, _ root: Root, parentBased: Bool = false) {
        rawValue = name
        self.root = root
        isParentBased = parentBased
    }

    public static let alwaysOn = TraceSampler("always_on", .on)
    public static let alwaysOff = TraceSampler("always_off", .off)
    /// A share of the traces, chosen by their ids: every program that has the same share chooses the same ones.
    public static let traceIDRatio = TraceSampler("traceidratio", .ratio)
    /// As the sender has decided; a trace that begins here is kept.
    public static let parentBasedAlwaysOn = TraceSampler("parentbased_always_on", .on, parentBased: true)
    /// As the sender has decided; a trace that begins here is not kept.
    public static let parentBasedAlwaysOff = TraceSampler("parentbased_always_off", .off, parentBased: true)
    /// As the sender has decided; of those that begin here a share.
    public static let parentBasedTraceIDRatio = TraceSampler("parentbased_traceidratio", .ratio, parentBased: true)

    static let allCases = [
        alwaysOn, alwaysOff, traceIDRatio, parentBasedAlwaysOn, parentBasedAlwaysOff, parentBasedTraceIDRatio,
    ]

    /// - Parameters:
    ///   - parent: the span that it stems from, of whichever process.
    ///   - low: the lower half of the trace's id.
    func keeps(parent: TraceParent?, low: UInt64, ratio: Double) -> Bool {
        if isParentBased, let parent { return parent.isSampled }
        switch root {
        case .on: return true
        case .off: return false
        // 63 bits, so that the bound of the whole share is a number.
        case .ratio: return ratio >= 1 || low >> 1 < UInt64(max(0, ratio) * 0x1p63)
        }
    }
}
