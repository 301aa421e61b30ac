import DequeModule
import SluiceTesting
import Testing

@testable import Sluice

/// The lane table and a source with a shelf, whose every step may come at any time.
struct LaneShelfTests {
    private struct World {
        var random: SeededGenerator
        var table = LaneTable<Int>()
        var next = 0
        let total: Int
        var shelf: [Int: [Int]] = [:]
        var requests = Deque<Int>()
        var buffer = Deque<(parcel: Int, mark: Shelf.Mark)>()
        /// Given back, and not at the source yet.
        var given = Deque<Int>()
        var busy: [(lane: Int, parcel: Int)] = []
        var parked: [Int] = []
        var handled: [Int: [Int]] = [:]
        /// Parcels that came from the shelf: the test is about these.
        var shelved = 0

        func key(_ parcel: Int) -> Int { parcel % 3 }

        mutating func put(_ parcel: Int) {
            shelf[key(parcel), default: []].append(parcel)
            shelf[key(parcel)]?.sort()
        }

        mutating func step(_ kind: Int) {
            switch kind {
            case 0..<3 where next < total:
                if shelf[key(next)] != nil { put(next) } else { buffer.append((next, .none)) }
                next += 1
            case 3..<5:
                guard let key = requests.popFirst() else { break }
                guard let all = shelf[key] else {
                    table.noteExhausted([UInt8(key)])
                    break
                }
                let portion = all.prefix(3)
                shelf[key] = all.count > 3 ? Array(all.dropFirst(3)) : nil
                for (index, parcel) in portion.enumerated() {
                    let mark: Shelf.Mark = index < portion.count - 1 ? .within : all.count > 3 ? .more : .last
                    buffer.append((parcel, mark))
                }
                shelved += portion.count
            case 5..<8:
                if let parcel = given.popFirst() {
                    put(parcel)
                    if given.isEmpty { table.noteKept() }
                } else if let (parcel, mark) = buffer.popFirst(),
                    !table.add(parcel, key: LaneKey([UInt8(key(parcel))]), mark: mark)
                {
                    given.append(parcel)
                }
            case 8:
                guard given.isEmpty else { break }
                table.passTurn()
                given = Deque(table.takeOverflow().map(\.parcel))
            case 9..<12:
                if let (lane, parcel) = table.take() { busy.append((lane, parcel)) }
            case 12..<14:
                guard let index = busy.indices.randomElement(using: &random) else { break }
                let (lane, parcel) = busy.remove(at: index)
                handled[key(parcel), default: []].append(parcel)
                table.finish(lane)
            case 14:
                guard let index = busy.indices.randomElement(using: &random) else { break }
                let (lane, parcel) = busy.remove(at: index)
                table.park(lane, parcel)
                parked.append(lane)
            default:
                guard let index = parked.indices.randomElement(using: &random) else { break }
                table.unpark(parked.remove(at: index))
            }
            for key in table.takeWanted() { requests.append(Int(key[0])) }
        }
    }

    @Test(arguments: 0..<200) func keepsTheOrderOfEveryKeyWhateverIsGivenBack(seed: UInt64) {
        let total = 400
        var world = World(random: SeededGenerator(seed: seed), total: total)
        for _ in 0..<4_000 { world.step(Int.random(in: 0..<16, using: &world.random)) }
        // From here on nothing fails and nothing is given back beside what must be.
        for round in 0..<400_000 {
            if world.handled.values.reduce(0, { $0 + $1.count }) == total { break }
            world.step([0, 3, 5, 9, 12, 15][round % 6])
        }
        for key in 0..<3 {
            #expect(world.handled[key] == (0..<total).filter { $0 % 3 == key })
        }
        #expect(world.shelved > 0 && world.table.count == 0 && world.shelf.isEmpty)
    }
}
