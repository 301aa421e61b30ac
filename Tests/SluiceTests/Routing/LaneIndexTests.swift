import SluiceTesting
import Testing

@testable import Sluice

@Suite struct LaneIndexTests {
    /// Few hashes, so that most of them collide.
    @Test(arguments: [UInt32(0x1), 0x7, 0x3F, .max])
    func itFindsWhatADictionaryDoes(mask: UInt32) {
        var random = SeededGenerator(seed: UInt64(mask))
        var index = LaneIndex()
        var known: [Int: UInt32] = [:]
        for _ in 0..<20_000 {
            let lane = Int.random(in: 0..<300, using: &random)
            if let hash = known[lane] {
                #expect(index.find(hash) { $0 == lane } == lane)
                index.remove(hash, lane)
                known[lane] = nil
                #expect(index.find(hash) { $0 == lane } == nil)
            } else {
                let hash = UInt32.random(in: 0 ... .max, using: &random) & mask
                index.insert(hash, lane)
                known[lane] = hash
            }
            #expect(index.count == known.count)
        }
        for (lane, hash) in known { #expect(index.find(hash) { $0 == lane } == lane) }
    }

    @Test func whatIsNotThereIsNeitherFoundNorRemoved() {
        var index = LaneIndex()
        index.insert(5, 1)
        #expect(index.find(5) { $0 == 2 } == nil)
        index.remove(5, 2)
        index.remove(6, 1)
        #expect(index.count == 1 && index.find(5) { $0 == 1 } == 1)
    }
}
