import CRDKafka
import Sluice

/// Owns the memory into which librdkafka writes where an event's messages are, and notes how many belong to which call.
struct ReportBuffer: ~Copyable {
    fileprivate let messages = UnsafeMutableBufferPointer<UnsafePointer<rd_kafka_message_t>?>.allocate(capacity: 1_024)
    fileprivate var calls: [(call: Unmanaged<PublishCall>, count: Int)] = []

    init() {
        messages.initialize(repeating: nil)
    }

    deinit {
        messages.deallocate()
    }

    /// Counts down the calls that were reported on. To be called when the event has gone, and with it the messages: a
    /// call that returns finds the room that its messages took.
    mutating func settle() {
        for (call, count) in calls { call.takeUnretainedValue().settle(count) }
        calls.removeAll(keepingCapacity: true)
    }
}

extension ProducerClient {
    /// Reads the event's reports into the buffer, which then settles them.
    /// - Returns: how many messages were not accepted.
    func takeReports(_ event: borrowing NativeEvent, _ buffer: inout ReportBuffer) -> Int {
        var hasAccepted = false
        var failed = 0
        while true {
            let taken = rd_kafka_event_message_array(
                event.handle, buffer.messages.baseAddress, buffer.messages.count)
            guard taken > 0 else { break }
            for message in buffer.messages.prefix(taken) {
                guard let message, let opaque = message.pointee._private else { continue }
                let token = opaque.assumingMemoryBound(to: PublishCall.Token.self).pointee
                if message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR {
                    // Before the callers learn of it.
                    if !hasAccepted { native.monitor.brokerAnswered() }
                    hasAccepted = true
                } else {
                    failed += 1
                    token.call.takeUnretainedValue().fail(token.index, failure(message.pointee.err))
                }
                // Neighbours mostly belong to one call, which is counted down once for all of them.
                if let last = buffer.calls.last, last.call.toOpaque() == token.call.toOpaque() {
                    buffer.calls[buffer.calls.count - 1].count += 1
                } else {
                    buffer.calls.append((token.call, 1))
                }
            }
        }
        return failed
    }

    /// Why a message was not accepted.
    func failure(_ code: rd_kafka_resp_err_t) -> any Error {
        switch code {
        case RD_KAFKA_RESP_ERR__PURGE_QUEUE, RD_KAFKA_RESP_ERR__PURGE_INFLIGHT, RD_KAFKA_RESP_ERR__FATAL:
            return abortion ?? native.fatalError ?? KafkaError(code)
        case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
            guard let reason = native.monitor.connectionState.reason else { return KafkaError(code) }
            return KafkaError(.timedOut, detail: "no broker took it in time: \(reason)")
        default:
            return KafkaError(code)
        }
    }
}
