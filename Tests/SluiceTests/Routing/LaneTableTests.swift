import SluiceTesting
import Testing

@testable import Sluice

/// The lane table against a model that is too simple to be wrong.
struct LaneTableTests {
    private struct Model {
        /// What each key has still to give, in order; an unkeyed parcel has a key of its own.
        var queues: [String: [Int]] = [:]
        var busy: [Int: (key: String, parcel: Int)] = [:]
        var parked: [Int: String] = [:]
        var queued: Int { queues.values.reduce(0) { $0 + $1.count } }
        var occupied: Int {
            Set(queues.filter { !$0.value.isEmpty }.keys).union(busy.values.map(\.key)).count
        }
        var hasReady: Bool {
            let resting = Set(busy.values.map(\.key)).union(parked.values)
            return queues.contains { !$0.value.isEmpty && !resting.contains($0.key) }
        }
    }

    @Test(arguments: 0..<40) func doesWhatTheModelDoes(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        var table = LaneTable<Int>()
        var model = Model()
        var keys: [Int: String] = [:]
        for step in 0..<2_000 {
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<35:
                let key = Int.random(in: 0..<8, using: &random)
                let name = key == 7 ? "unkeyed \(step)" : "\(key)"
                keys[step] = name
                model.queues[name, default: []].append(step)
                table.add(step, key: key == 7 ? nil : LaneKey([UInt8(key)]))
            case 35..<60:
                let expected = model.hasReady
                guard let (lane, parcel) = table.take() else {
                    #expect(!expected)
                    break
                }
                #expect(expected)
                let key = try #require(keys[parcel])
                #expect(model.queues[key]?.first == parcel)
                #expect(!model.busy.values.contains { $0.key == key })
                #expect(model.busy[lane] == nil && model.parked[lane] == nil)
                model.queues[key]?.removeFirst()
                model.busy[lane] = (key, parcel)
            case 60..<75:
                guard let lane = model.busy.keys.sorted().randomElement(using: &random) else { break }
                table.finish(lane)
                model.busy[lane] = nil
            case 75..<85:
                guard let lane = model.busy.keys.sorted().randomElement(using: &random) else { break }
                guard let (key, parcel) = model.busy.removeValue(forKey: lane) else { break }
                table.park(lane, parcel)
                model.queues[key, default: []].insert(parcel, at: 0)
                model.parked[lane] = key
            case 85..<97:
                guard let lane = model.parked.keys.sorted().randomElement(using: &random) else { break }
                table.unpark(lane)
                model.parked[lane] = nil
            case 97:
                // Wrong calls change nothing.
                table.finish(-1)
                table.unpark(1_000_000)
                if let lane = model.parked.keys.min() { table.finish(lane) }
                if let lane = model.busy.keys.min() { table.unpark(lane) }
            default:
                let removed = table.removeAll()
                #expect(removed.sorted() == model.queues.values.flatMap(\.self).sorted())
                model.queues = [:]
                model.parked = [:]
            }
            #expect(table.count == model.queued)
            #expect(table.occupied == model.occupied)
            #expect(table.hasReady == model.hasReady)
        }
    }

    @Test func givesTheLaneThatHasBeenReadyForTheLongestTime() {
        var table = LaneTable<Int>()
        for parcel in 0..<6 { table.add(parcel, key: LaneKey([UInt8(parcel % 3)])) }
        var order: [Int] = []
        while let (lane, parcel) = table.take() {
            order.append(parcel)
            table.finish(lane)
        }
        #expect(order == [0, 1, 2, 3, 4, 5])
        #expect(table.occupied == 0)
    }

    @Test func usesTheLanesOfKeysThatAreGoneAgain() throws {
        var table = LaneTable<Int>()
        for parcel in 0..<1_000 {
            table.add(parcel, key: LaneKey(Array("\(parcel)".utf8)))
            let taken = table.take()
            let lane = try #require(taken).0
            #expect(lane == 0)
            table.finish(lane)
        }
    }
}
