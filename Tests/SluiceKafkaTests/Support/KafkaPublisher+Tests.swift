import Sluice

@testable import SluiceKafka

extension KafkaPublisher {
    convenience init(
        of kafka: KafkaUnderTest, key: KeySelector = .none, instruments: Instruments? = nil,
        _ adjust: (inout Configuration) -> Void = { _ in }
    ) throws {
        var options = Configuration()
        adjust(&options)
        try self.init(
            kafka.configuration, key: key, configuration: options, logger: .silent, instruments: instruments)
    }

    func publish(_ texts: [String], to topic: Topic) async throws {
        try await publish(texts.map { Message(payload: Array($0.utf8)) }, to: topic)
    }
}

extension Message {
    /// A message of this key, for publishers that choose it by the metadata `key`.
    init(key: String, _ text: String) {
        self.init(metadata: ["key": key], payload: Array(text.utf8))
    }
}

extension [RawRecord] {
    /// The texts of each key in the order of the log, each but once: on the mock cluster, which does not check
    /// sequence numbers, a request whose answer got lost is stored again.
    var textsByKey: [String: [String]] {
        var seen: Set<String> = []
        var texts: [String: [String]] = [:]
        for record in sorted(by: { ($0.partition, $0.offset) < ($1.partition, $1.offset) })
        where seen.insert("\(record.keyText)/\(record.text)").inserted {
            texts[record.keyText, default: []].append(record.text)
        }
        return texts
    }

    var texts: Set<String> { Set(map(\.text)) }
}
