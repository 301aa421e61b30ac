/// Lets a verdict ripen: late facts may change it, and a counter takes nothing back. It is due when it has said the same for so
/// long.
struct VerdictTimer {
    private struct Part: Hashable {
        let key: Verdict.Key
        let part: Verdict.Parts
    }

    /// In seconds. Ten minutes unless a test has less time.
    let patience: Int64
    private var waiting: [Part: (state: Int, since: Int64)] = [:]

    init(patience: Int64) {
        self.patience = patience
    }

    /// - Parameters:
    ///   - verdicts: all that is said now, with what of it was counted.
    ///   - now: seconds of a clock that is never set.
    ///   - isTaken: whether what is due is counted now; otherwise it stays due.
    /// - Returns: what is due.
    mutating func take(
        _ verdicts: some Sequence<(verdict: Verdict, counted: Verdict.Parts)>, at now: Int64, isTaken: Bool = true
    ) -> [(verdict: Verdict, parts: Verdict.Parts)] {
        var still: [Part: (state: Int, since: Int64)] = [:]
        var due: [(Verdict, Verdict.Parts)] = []
        for (verdict, counted) in verdicts {
            var parts: Verdict.Parts = []
            for part in Verdict.Parts.all where verdict.parts.contains(part) && !counted.contains(part) {
                let name = Part(key: verdict.key, part: part)
                let state = verdict.state(of: part)
                let since = waiting[name].flatMap { $0.state == state ? $0.since : nil } ?? now
                if now - since >= patience { parts.insert(part) }
                if now - since < patience || !isTaken { still[name] = (state, since) }
            }
            if !parts.isEmpty { due.append((verdict, parts)) }
        }
        // What is not said any more is forgotten.
        waiting = still
        return isTaken ? due : []
    }

    /// What was due could not be counted, and is due again at once.
    mutating func giveBack(_ due: [(verdict: Verdict, parts: Verdict.Parts)], at now: Int64) {
        for (verdict, parts) in due {
            for part in Verdict.Parts.all where parts.contains(part) {
                waiting[Part(key: verdict.key, part: part)] = (verdict.state(of: part), now - patience)
            }
        }
    }
}
