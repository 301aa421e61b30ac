import Sluice
import Testing

@testable import SluiceKafka

struct StatisticsTests {
    private func statistics(_ brokers: [(name: String, id: Int, source: String, state: String)]) -> KafkaStatistics? {
        let members = brokers.map { broker in
            """
            "\(broker.name)":{"nodeid":\(broker.id),"source":"\(broker.source)","state":"\(broker.state)","txerrs":0,
            "req_timeouts":0}
            """
        }
        let text = "{\"brokers\":{\(members.joined(separator: ","))}}"
        return Array(text.utf8).withUnsafeBytes { KafkaStatistics(json: $0) }
    }

    @Test func aBrokerCountsOnceHoweverManyConnectionsItHas() {
        let one = ("h:1/1", 1, "learned", "UP")
        #expect(statistics([one])?.brokersUp == 1)
        #expect(statistics([one, ("h:2/2", 2, "learned", "UP"), ("h:3/3", 3, "learned", "CONNECT")])?.brokersUp == 2)
        #expect(statistics([one, ("GroupCoordinator", 1, "logical", "UP")])?.brokersUp == 1)
        #expect(statistics([one, ("GroupCoordinator", -1, "logical", "UP")])?.brokersUp == 1)
        #expect(statistics([one, ("h:9/bootstrap", -1, "configured", "UP")])?.brokersUp == 1)
        // Before the brokers' own addresses are known.
        #expect(statistics([("h:9/bootstrap", -1, "configured", "UP")])?.brokersUp == 1)
        #expect(statistics([("h:9/bootstrap", -1, "configured", "DOWN")])?.brokersUp == 0)
        #expect(statistics([(":0/internal", -1, "internal", "UP")])?.brokersUp == 0)
    }

    @Test(arguments: ["", "{", "[]", "{\"brokers\":{\"a\":{}}}"])
    func whatLibrdkafkaDoesNotWriteIsNotRead(_ text: String) {
        #expect(Array(text.utf8).withUnsafeBytes { KafkaStatistics(json: $0) } == nil)
    }
}
