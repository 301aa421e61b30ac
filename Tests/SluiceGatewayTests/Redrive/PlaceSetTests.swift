import Sluice
import Testing

@testable import SluiceGateway

/// Places of messages, in several partitions.
struct PlaceSetTests {
    private func place(_ partition: Int32, _ offset: Int64) -> RedrivePlace {
        RedrivePlace(partition: partition, offset: offset)
    }

    @Test func theFirstOffsetIsInItOnlyOnceItWasPutThere() {
        var set = PlaceSet()
        #expect(!set.contains(place(0, 0)) && set.isEmpty && set.count == 0)
        set.insert([place(0, 0)])
        #expect(set.contains(place(0, 0)) && !set.contains(place(1, 0)) && !set.contains(place(0, 1)))
        #expect(set.count == 1)
    }

    @Test func placesComeBackInOrderAsTheyWereKept() throws {
        let places = [place(2, 5), place(0, 9), place(0, 0), place(2, 6), place(0, 10), place(0, 0)]
        let set = PlaceSet(places)
        #expect(set.places(upTo: 100) == [place(0, 0), place(0, 9), place(0, 10), place(2, 5), place(2, 6)])
        #expect(set.places(upTo: 2).count == 2 && set.count == 5)
        var json = JSONWriter()
        set.write(&json)
        let read = try JSONReader.read(json.bytes) { (reader) throws(JSONError) in try PlaceSet.read(&reader) }
        #expect(read == set)
    }

    @Test func aSetIsPartOfAnotherThatHasAllOfIt() {
        let all = PlaceSet((0..<10).map { place(1, $0) } + [place(3, 7)])
        #expect(PlaceSet([place(1, 4), place(3, 7)]).isSubset(of: all))
        #expect(!PlaceSet([place(1, 10)]).isSubset(of: all) && !PlaceSet([place(0, 1)]).isSubset(of: all))
        #expect(PlaceSet().isSubset(of: PlaceSet()))
        #expect(PlaceSet([place(1, 4)]).union(PlaceSet([place(1, 5)])) == PlaceSet([place(1, 4), place(1, 5)]))
    }

    @Test func whatNoBrokerHasIsLeftOut() {
        let set = PlaceSet([place(0, -1), place(0, .max), place(0, 3)])
        #expect(set == PlaceSet([place(0, 3)]) && !set.contains(place(0, .max)) && !set.contains(place(0, .min)))
    }
}
