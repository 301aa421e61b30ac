import Sluice

/// Counts what jobs have sent again.
struct RedriveMeter: Sendable {
    private let messages: [String: CounterHandle]
    private let running: GaugeHandle

    init(_ instruments: Instruments) {
        var messages: [String: CounterHandle] = [:]
        for kind in ["retry", "replay"] {
            for result in ["delivered", "failed", "skipped"] {
                messages["\(kind) \(result)"] = instruments.counter(.redriven, [("kind", kind), ("result", result)])
            }
        }
        self.messages = messages
        running = instruments.gauge(.redriveJobs, [])
    }

    func count(_ job: RedriveJob, _ verdict: RedriveProgress.Verdict) {
        let result =
            switch verdict {
            case .delivered: "delivered"
            case .skipped: "skipped"
            case .failed: "failed"
            }
        messages["\(job.kind.rawValue) \(result)"]?.increment()
    }

    func noteRunning(_ count: Int) { running.set(Double(count)) }
}

extension Metric {
    static let redriveArea = Area(
        "Sending again", "For `sluice replay` and `sluice poison retry`.", [redriven, redriveJobs])

    static let redriven = counter(
        "sluice_redriven_messages_total",
        labels: [
            Label("kind", "what the job is", values: ["retry", "replay"]),
            Label("result", "how it ended", values: ["delivered", "failed", "skipped"]),
        ],
        help: "Messages that jobs have sent again: delivered, in the poison queue once more, or passed over.")
    static let redriveJobs = gauge(
        "sluice_redrive_jobs",
        labels: [],
        help: "Jobs that send messages again and run now.")
}
