import Sluice
import Testing

@testable import SluiceGateway

/// Which events sinks have delivered, as blocks of bits, against sets of numbers.
struct DeliveredBlockTests {
    @Test func aBlockIsTheSetOfWhatWasPutIn() throws {
        var random = SplitMix64(seed: 11)
        for density in [1, 40, 900, 4_000, 40_000] {
            let start = DeliveredBlock.size * Int64.random(in: 0...1_000_000, using: &random)
            var (block, expected) = (DeliveredBlock(), Set<Int64>())
            for _ in 0..<density {
                let offset = start + Int64.random(in: 0..<DeliveredBlock.size, using: &random)
                #expect(block.insert(offset) == expected.insert(offset).inserted)
            }
            let all = start..<start + DeliveredBlock.size
            #expect(all.filter { block.contains($0) } == expected.sorted())
            #expect(block.count == Int64(expected.count))
            #expect(DeliveredBlock.decode(block.encoded) == block)
            #expect(block.encoded.count < 750)
        }
    }

    @Test func aUnionHasWhatEitherHas() {
        var random = SplitMix64(seed: 12)
        for _ in 0..<200 {
            let sets = (0..<2).map { _ in
                Set(
                    (0..<Int.random(in: 0...6_000, using: &random)).map { _ in
                        Int64.random(in: 0..<4_096, using: &random)
                    })
            }
            let blocks = sets.map { set in set.reduce(into: DeliveredBlock()) { $0.insert($1) } }
            let union = blocks[0].union(blocks[1])
            #expect((0..<4_096).filter { union.contains($0) } == sets[0].union(sets[1]).sorted())
            #expect(union == blocks[1].union(blocks[0]) && union.union(blocks[0]) == union)
        }
    }

    @Test func aFullBlockIsWrittenAndReadAsSuch() throws {
        let full = (0..<DeliveredBlock.size).reduce(into: DeliveredBlock()) { $0.insert($1) }
        #expect(full.isFull && full.count == 4_096 && full.contains(0) && full.contains(4_095))
        #expect(DeliveredBlock.decode(full.encoded) == full)
        #expect(DeliveredBlock().union(full) == full && full.union(DeliveredBlock()) == full)
    }

    @Test func noPartitionHasAnOffsetBelowZero() {
        var block = DeliveredBlock()
        #expect(!block.insert(-1) && block == DeliveredBlock() && !block.contains(-1))
        #expect(DeliveredBlock.number(of: -1) == nil)
        block.insert(.max)
        #expect(block.contains(.max) && block.count == 1)
        #expect(DeliveredBlocks.ID("slack", RedrivePlace(partition: -1, offset: 1)) == nil)
    }

    @Test(arguments: [
        "", "{}", "[]", #"{"delivered":7}"#, #"{"delivered":"*"}"#, #"{"delivered":null}"#,
        #"{"delivered":"\#(String(repeating: "A", count: 700))"}"#,
    ])
    func whatCannotBeReadIsNone(text: String) {
        #expect(DeliveredBlock.decode(Array(text.utf8)) == nil)
    }

    // MARK: Blocks of several gateways

    private func place(_ offset: Int64, _ partition: Int32 = 0) -> RedrivePlace {
        RedrivePlace(partition: partition, offset: offset)
    }

    private func record(_ places: [RedrivePlace], by route: String, writer: String) throws -> KafkaRedriveRecord {
        let id = try #require(DeliveredBlocks.ID(route, places[0]))
        return .delivered(id, places.reduce(into: DeliveredBlock()) { $0.insert($1.offset) }, writer: writer)
    }

    @Test func whatEachGatewayHasDeliveredCounts() throws {
        var state = KafkaRedriveState()
        for record in [
            try record([place(1), place(3)], by: "log-to-slack", writer: "a"),
            try record([place(2)], by: "log-to-slack", writer: "b"),
            // A name with spaces.
            try record([place(5_000, 3)], by: "log to 1 2", writer: "a"),
        ] {
            let message = record.message(prefix: "group ")
            let key = try #require(message.metadata[KafkaRedriveRecord.keyName])
            state.take(key: String(key.dropFirst(6)), payload: message.payload)
        }
        #expect((0..<5).filter { state.delivered.contains(place($0), by: "log-to-slack") } == [1, 2, 3])
        #expect(state.delivered.contains(place(5_000, 3), by: "log to 1 2"))
        #expect(!state.delivered.contains(place(1), by: "log to 1 2"))
        #expect(!state.delivered.contains(place(1, 1), by: "log-to-slack"))
        // One that takes its word back does not take the other's.
        state.take(key: "delivered log-to-slack 0 0 a", payload: [])
        #expect(state.delivered.contains(place(2), by: "log-to-slack"))
        state.take(key: "delivered log-to-slack 0 0 b", payload: [])
        #expect(!state.delivered.contains(place(2), by: "log-to-slack"))
    }

    @Test(arguments: [
        "delivered", "delivered a 0 0", "delivered a -1 0 w", "delivered a 0 -1 w",
        "delivered a 0 9223372036854775807 w",
        "delivered a x 0 w", "delivered a 99999999999 0 w",
    ])
    func aKeyThatIsNoneChangesNothing(key: String) {
        var state = KafkaRedriveState()
        state.take(key: key, payload: DeliveredBlock().encoded)
        state.take(key: key, payload: [])
        #expect(state.delivered.keysToForget(outside: [0: .max ..< .max], limit: 0).isEmpty)
    }

    @Test func blocksGoWithTheirEventsAndTheOldestOfTooMany() throws {
        var state = KafkaRedriveState()
        for number in 0..<6 as Range<Int64> {
            for partition in 0..<2 as Range<Int32> {
                let start = number * DeliveredBlock.size + (partition == 1 ? 1_000 * DeliveredBlock.size : 0)
                state.take(try record([place(start, partition)], by: "r", writer: "w"))
            }
        }
        state.take(try record([place(1)], by: "r", writer: "v"))
        func gone(_ start: [Int32: Int64], _ limit: Int, _ writers: Int = 9) -> [String] {
            state.delivered.keysToForget(
                outside: start.mapValues { $0..<DeliveredBlock.size * 5 + 1 }, limit: limit, writers: writers)
        }
        #expect(gone([:], 100).isEmpty)
        // The block that the first event is in is needed still.
        #expect(gone([0: DeliveredBlock.size * 2 - 1], 100) == ["delivered r 0 0 w", "delivered r 0 0 v"])
        #expect(gone([0: DeliveredBlock.size * 2], 100).suffix(1) == ["delivered r 0 1 w"])
        // Of each partition the newest stay.
        let kept = Set(["delivered r 0 5 w", "delivered r 0 4 w", "delivered r 1 1005 w", "delivered r 1 1004 w"])
        #expect(kept.isDisjoint(with: gone([:], 4)) && gone([:], 4).count == 9)
        // The topic was made anew: the second partition has no such events.
        #expect(gone([1: 0], 100).count == 6)
        // Who wrote last stays.
        #expect(gone([:], 100, 1) == ["delivered r 0 0 w"])
        state.take(try record([place(2)], by: "r", writer: "w"))
        #expect(gone([:], 100, 1) == ["delivered r 0 0 v"])
    }
}
