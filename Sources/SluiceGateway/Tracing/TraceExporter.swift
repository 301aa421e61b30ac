import Logging
import ServiceLifecycle
import Sluice
import SluiceHTTP
import Synchronization

/// Sends spans to a collector by OTLP over HTTP in JSON, beside the path of messages: nothing ever waits for it.
///
/// A batch that the collector does not take for now is sent again, after growing waits, for a minute. Meanwhile the buffer fills up;
/// what finds no room, and what the collector refuses, is dropped and counted. At shutdown it sends what is left, once, in 5 s at
/// most.
final class TraceExporter: Service {
    let tracer: OTLPTracer
    private let client: HTTPClient
    private let url: String
    private let headers: TraceHeaders
    private let encoder: OTLPEncoder
    private let pace: TracePace
    private let meter: TraceMeter
    private let logger: Logger
    private let stopping = WakeUp()
    private let complaints: Mutex<Complaints>

    /// - Parameter client: of its own: its requests are not traced.
    init(
        _ configuration: GatewayConfiguration.Tracing, to url: String, _ client: HTTPClient, _ pace: TracePace,
        _ instruments: Instruments, logger: Logger
    ) {
        self.url = url
        self.client = client
        self.pace = pace
        headers = configuration.headers
        encoder = OTLPEncoder(resource: configuration.attributes, version: SluiceVersion.text)
        let buffer = SpanBuffer(capacity: pace.capacity, batch: pace.batch)
        tracer = OTLPTracer(buffer: buffer, sampler: configuration.sampler, ratio: configuration.ratio)
        meter = TraceMeter(instruments, buffer)
        self.logger = logger
        complaints = Mutex(Complaints(silence: pace.silence))
    }

    func run() async throws {
        await withGracefulShutdownHandler {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await self.work() }
                group.addTask {
                    await self.stopping.wait()
                    try? await Task.sleep(for: self.pace.flush)
                }
                await group.next()
                group.cancelAll()
            }
        } onGracefulShutdown: {
            self.stopping.ring(forGood: true)
            self.tracer.buffer.bell.ring(forGood: true)
        }
        tracer.buffer.close()
        noteDropped(0, "the gateway stops")
        await client.close(within: .zero)
    }

    private func work() async {
        while !Task.isCancelled {
            await tracer.buffer.bell.wait(atMost: pace.interval)
            // Before the buffer is looked at: what comes later is not waited for.
            let isLast = stopping.hasRungForGood
            while !Task.isCancelled {
                let batch = tracer.buffer.take()
                if batch.isEmpty { break }
                await export(batch)
            }
            noteDropped(0, "the collector does not take them fast enough")
            if isLast { return }
        }
    }

    /// Sends one batch, again and again while that may help.
    private func export(_ spans: [SpanRecord]) async {
        let body = encoder.encode(spans)
        let end = MonotonicTime.now().advanced(by: pace.patience)
        var attempt = 0
        while true {
            attempt += 1
            switch await post(body) {
            case .taken(let refused, let why):
                meter.exported(spans.count - refused)
                meter.rejected(refused)
                if refused > 0 { complain(refused, why ?? "the collector refused them") } else { calm() }
                return
            case .refused(let why):
                meter.rejected(spans.count)
                return complain(spans.count, why)
            case .failed(let why, let after):
                let delay = max(after ?? .zero, pace.backoff.delay(beforeRetry: attempt, by: .real))
                // At shutdown there is no time for another attempt.
                guard !stopping.hasRungForGood, !Task.isCancelled, MonotonicTime.now().advanced(by: delay) < end else {
                    return noteDropped(spans.count, Task.isCancelled ? "the collector did not answer in time" : why)
                }
                await stopping.wait(atMost: delay)
            }
        }
    }

    private enum Answer {
        /// All but so many.
        case taken(refused: Int, why: String?)
        /// It would be refused again.
        case refused(String)
        case failed(String, after: Duration?)
    }

    private func post(_ body: [UInt8]) async -> Answer {
        var request = HTTPClient.Request(
            "POST", url, target: "collector", headers: ["Content-Type": "application/json"], body: body,
            timeout: pace.timeout)
        request.headers += headers.entries.map { .init(name: $0.name, value: $0.value.reveal()) }
        request.acceptsTruncatedBody = true
        do {
            let response = try await client.send(request)
            switch response.status {
            case 200..<300:
                let partial = PartialSuccess(response.body)
                return .taken(refused: partial.rejected, why: partial.message)
            // Those that OTLP names, and that a proxy gives while there is no collector behind it.
            case 408, 429, 502, 503, 504:
                return .failed("status \(response.status)", after: RetryAfter.delay(in: response.headers))
            default:
                return .refused("status \(response.status)")
            }
        } catch {
            switch error.code {
            case .invalidURL, .invalidRequest: return .refused(error.code.word)
            default: return .failed(error.code.word, after: nil)
            }
        }
    }

    // MARK: What went wrong

    /// - Parameter count: those that are dropped beside what found no room.
    private func noteDropped(_ count: Int, _ why: String) {
        let dropped = count + tracer.buffer.takeDropped()
        guard dropped > 0 else { return }
        meter.dropped(dropped)
        complain(dropped, why)
    }

    private func complain(_ count: Int, _ why: String) {
        guard let sum = complaints.withLock({ $0.add(count, at: .now()) }) else { return }
        logger.warning("spans are lost", metadata: ["spans": "\(sum)", "reason": "\(why)"])
    }

    private func calm() {
        if complaints.withLock({ $0.end() }) { logger.notice("the collector takes spans again") }
    }
}

/// What has been lost, told once a minute.
struct Complaints {
    let silence: Duration
    private var count = 0
    private var told: MonotonicTime?
    private var isTold = false

    init(silence: Duration) {
        self.silence = silence
    }

    /// - Returns: how many to speak of; nil where it is too early for that.
    mutating func add(_ more: Int, at now: MonotonicTime) -> Int? {
        count = count.addingSaturated(more)
        if let told, now < told.advanced(by: silence) { return nil }
        defer { count = 0 }
        told = now
        isTold = true
        return count
    }

    /// - Returns: whether something was told since the last end.
    mutating func end() -> Bool {
        defer { isTold = false }
        return isTold
    }
}
