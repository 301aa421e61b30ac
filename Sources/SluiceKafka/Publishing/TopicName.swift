import CRDKafka
import Sluice

extension Topic {
    /// - Throws: what is wrong with the name, where Kafka takes no such name: it has 1 to 249 of ASCII's letters and
    ///   digits, `.`, `_` and `-`, and is neither `.` nor `..`
    ///   (<https://kafka.apache.org/documentation/#operations>, `org.apache.kafka.common.internals.Topic`).
    func validateForKafka() throws(KafkaError) {
        let problem: String
        if name.isEmpty {
            problem = "is empty"
        } else if name.utf8.count > 249 {
            problem = "has more than 249 characters"
        } else if name == "." || name == ".." {
            problem = "is \(name)"
        } else if !name.utf8.allSatisfy(Self.isLegal) {
            problem = "has other characters than ASCII's letters and digits, '.', '_' and '-'"
        } else {
            return
        }
        throw KafkaError(.init(RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION), detail: "the name of the topic \(problem)")
    }

    private static func isLegal(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
