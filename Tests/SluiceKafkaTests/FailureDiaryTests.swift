import Sluice
import Testing

@testable import SluiceKafka

struct FailureDiaryTests {
    private func time(_ seconds: Int) -> MonotonicTime {
        MonotonicTime(nanoseconds: 1_000_000_000).advanced(by: .seconds(seconds))
    }

    @Test func tellsEachKindOnceWhileItLasts() {
        let diary = FailureDiary()
        #expect(diary.isNew("ssl", of: "b:1", at: time(0)))
        // Two that alternate, every second, for an hour.
        #expect(diary.isNew("transport", of: "b:1", at: time(1)))
        for second in 2..<3_600 {
            #expect(!diary.isNew(second % 2 == 0 ? "ssl" : "transport", of: "b:1", at: time(second)))
        }
        #expect(diary.isNew("ssl", of: "b:2", at: time(3_600)))
        #expect(diary.isNew("resolve", of: "b:1", at: time(3_600)))
    }

    @Test func tellsAgainAfterItsEnd() {
        let diary = FailureDiary()
        #expect(!diary.ended(of: "b:1"))
        #expect(diary.isNew("ssl", of: "b:1", at: time(0)))
        #expect(diary.ended(of: "b:1") && !diary.ended(of: "b:1"))
        #expect(diary.isNew("ssl", of: "b:1", at: time(1)))
        // What stayed away for long was over.
        #expect(diary.isNew("ssl", of: "b:1", at: time(302)))
    }

    /// More of them than it has bits, so that some share one.
    @Test func knowsOfManySubjectsWhichHaveEnded() {
        let diary = FailureDiary()
        let subjects = (0..<300).map { "broker-\($0):9092" }
        for subject in subjects { #expect(diary.isNew("ssl", of: subject, at: time(0))) }
        for (number, subject) in subjects.enumerated() where number % 3 == 0 { #expect(diary.ended(of: subject)) }
        for (number, subject) in subjects.enumerated() { #expect(diary.ended(of: subject) == (number % 3 != 0)) }
        #expect(!subjects.contains { diary.ended(of: $0) })
    }

    @Test(arguments: [
        ("ssl://b.example:9093/bootstrap: SSL handshake failed: error", "b.example:9093"),
        ("localhost:9092/1: Connect to ipv4#127.0.0.1:9092 failed: refused", "localhost:9092"),
        ("sasl_ssl://[::1]:9092/17", "[::1]:9092"), ("b:1", "b:1"), ("1/1 brokers are down", ""),
        ("Unknown topic: see https://x", ""), ("", ""),
    ])
    func findsTheBrokerInLibrdkafkasWords(text: String, broker: String) {
        #expect(FailureDiary.broker(in: text) == broker)
    }
}
