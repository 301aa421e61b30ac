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

    @Test(arguments: [Int64.min, -1_001, Int64.max])
    func numbersAtTheirLimitsAreAddedUp(_ number: Int64) throws {
        let partition = """
            {"partition":0,"leader":\(Int32.min),"fetchq_cnt":\(number),"fetchq_size":\(number),"lo_offset":\(number),
            "hi_offset":\(number),"committed_offset":\(number),"app_offset":\(number)}
            """
        let text = """
            {"msg_cnt":\(number),"msg_size":\(number),
            "brokers":{"h:1/1":{"nodeid":1,"source":"learned","state":"UP","txerrs":\(number),"req_timeouts":\(number),
            "rtt":{"p99":\(number)}}},
            "topics":{"a":{"partitions":{"0":\(partition)}},"b":{"partitions":{"0":\(partition)}}}}
            """
        let statistics = try #require(Array(text.utf8).withUnsafeBytes { KafkaStatistics(json: $0) })
        let clamped = number == -1_001 ? -2_002 : Int(number)
        #expect(statistics.fetched == (clamped, clamped))
        #expect(statistics.brokers["h:1/1"]?.errors == clamped)
        let meter = ClientMeter(Instruments(), component: "c", .consumer)
        meter.take(statistics)
    }

    @Test(arguments: ["9223372036854775808", "-9223372036854775809", "1e300", "0.5", "\"1\"", "null"])
    func aNumberThatFitsNoIntegerIsNotRead(_ number: String) {
        let text = """
            {"brokers":{"h:1/1":{"nodeid":\(number),"source":"learned","state":"UP","txerrs":0,"req_timeouts":0}}}
            """
        #expect(Array(text.utf8).withUnsafeBytes { KafkaStatistics(json: $0) } == nil)
    }
}
