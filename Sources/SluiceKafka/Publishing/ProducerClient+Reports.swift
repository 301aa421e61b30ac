import CRDKafka
import Sluice

/// Owns the memory into which librdkafka writes where an event's messages are.
struct ReportBuffer: ~Copyable {
    let messages = UnsafeMutableBufferPointer<UnsafePointer<rd_kafka_message_t>?>.allocate(capacity: 1_024)

    init() {
        messages.initialize(repeating: nil)
    }

    deinit {
        messages.deallocate()
    }
}

extension ProducerClient {
    /// Hands the event's reports to the publishes that wait for them.
    /// - Returns: how many messages were not accepted.
    func takeReports(_ event: borrowing NativeEvent, _ buffer: borrowing ReportBuffer) -> Int {
        var call: Unmanaged<PublishCall>?
        var count = 0
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
                    // Before anybody learns of it.
                    if !hasAccepted { native.monitor.brokerAnswered() }
                    hasAccepted = true
                } else {
                    failed += 1
                    token.call.takeUnretainedValue().fail(token.index, failure(message.pointee.err))
                }
                // Neighbours mostly belong to one call, which is counted down once for all of them.
                if call?.toOpaque() != token.call.toOpaque() {
                    call?.takeUnretainedValue().settle(count)
                    call = token.call
                    count = 0
                }
                count += 1
            }
        }
        call?.takeUnretainedValue().settle(count)
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
