import Sluice
import Testing

@testable import SluiceAMQP

struct AMQPErrorTests {
    @Test func whatCanNeverBeSentOrReadIsPoison() {
        for code in [AMQPError.Code.tooLarge, .unencodable, .undecodable] {
            #expect(AMQPError(code, "").disposition == .poison("amqp_\(code)"))
        }
    }

    @Test func whatAPersonHasToMendHoldsTheRoute() {
        for code in [
            AMQPError.Code.invalidConfiguration, .tls, .authentication, .virtualHost, .mismatch, .notFound,
            .accessRefused, .unroutable,
        ] {
            let error = AMQPError(code, "what")
            #expect(error.disposition == .hold("amqp: what (\(code))"))
        }
    }

    @Test func whatMayPassIsTriedAgain() {
        for code in [
            AMQPError.Code.unreachable, .malformed, .connectionLost, .connectionClosed, .channelClosed, .refused,
            .timedOut, .system,
        ] {
            #expect(AMQPError(code, "").disposition == .retry())
        }
    }

    @Test(arguments: [
        (UInt16(311), AMQPError.Code.tooLarge), (312, .unroutable), (403, .accessRefused), (404, .notFound),
        (406, .mismatch), (541, .channelClosed),
    ])
    func theBrokersCodesAreUnderstood(_ replyCode: UInt16, _ code: AMQPError.Code) {
        let error = AMQPError(replyCode: replyCode, text: "the broker's words", closing: .channelClosed)
        #expect(error == AMQPError(code, "the broker's words"))
        #expect(error.during("queue q").detail == "queue q: the broker's words")
        #expect(AMQPError(replyCode: replyCode, text: "", closing: .channelClosed).detail.contains("\(replyCode)"))
    }
}
