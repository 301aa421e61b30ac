import Sluice
import Testing

struct MessageTests {
    @Test func getsAnIdOfItsOwn() {
        #expect(Message(payload: []).id != Message(payload: []).id)
    }

    @Test func isAValue() {
        let original = Message(metadata: ["a": "1"], payload: [1, 2])
        var copy = original
        #expect(copy == original)
        copy.metadata["a"] = "2"
        copy.payload[0] = 9
        #expect(original.metadata["a"] == "1")
        #expect(original.payload == [1, 2])
        #expect(copy != original)
    }

    @Test func sharesItsPayloadWithItsCopies() {
        let original = Message(payload: [UInt8](repeating: 1, count: 1 << 20))
        let copy = original
        let same = original.payload.withUnsafeBytes { first in
            copy.payload.withUnsafeBytes { $0.baseAddress == first.baseAddress }
        }
        #expect(same)
    }
}

struct MetadataTests {
    @Test func keepsTheOrderInWhichNamesWereSet() {
        let metadata: Metadata = ["c": "1", "a": "2", "b": "3"]
        #expect(metadata.map(\.name) == ["c", "a", "b"])
    }

    @Test func holdsEachNameOnce() {
        var metadata: Metadata = ["a": "1", "b": "2", "a": "3"]
        #expect(metadata.map(\.name) == ["a", "b"])
        #expect(metadata["a"] == "3")
        metadata["b"] = "4"
        #expect(metadata.map(\.value) == ["3", "4"])
    }

    @Test func removesANameThatIsSetToNil() {
        var metadata: Metadata = ["a": "1", "b": "2"]
        metadata["a"] = nil
        metadata["unknown"] = nil
        #expect(metadata.map(\.name) == ["b"])
        #expect(metadata["a"] == nil)
    }

    @Test func distinguishesCase() {
        let metadata: Metadata = ["Name": "1", "name": "2"]
        #expect(metadata.count == 2)
        #expect(metadata["NAME"] == nil)
    }

    @Test func holdsEmptyNamesAndValues() {
        let metadata: Metadata = ["": "nameless", "empty": ""]
        #expect(metadata[""] == "nameless")
        #expect(metadata["empty"] == "")
    }

    @Test func prefersTheOtherValuesWhenMerged() {
        var metadata: Metadata = ["a": "1", "b": "2"]
        metadata.merge(["b": "3", "c": "4"])
        #expect(metadata == ["a": "1", "b": "3", "c": "4"])
    }

    @Test func comparesInOrder() {
        #expect((["a": "1", "b": "2"] as Metadata) != (["b": "2", "a": "1"] as Metadata))
        #expect(Metadata().isEmpty)
        #expect(Metadata() == [:])
    }

    /// With many entries names are looked up and no longer searched for: nothing else may change by that.
    @Test func aLargeOneIsWhatASmallOneIs() {
        var random = SystemRandomNumberGenerator()
        var metadata = Metadata()
        var model: [(name: String, value: String)] = []
        for step in 0..<3_000 {
            let name = "name \(Int.random(in: 0..<100, using: &random))"
            let place = model.firstIndex { $0.name == name }
            #expect(metadata[name] == place.map { model[$0].value })
            if Bool.random(using: &random) || model.count < 20 {
                metadata[name] = "\(step)"
                if let place { model[place].value = "\(step)" } else { model.append((name, "\(step)")) }
            } else {
                metadata[name] = nil
                if let place { model.remove(at: place) }
            }
        }
        #expect(metadata.map(\.name) == model.map(\.name) && metadata.map(\.value) == model.map(\.value))
        var again = Metadata()
        for entry in model { again[entry.name] = entry.value }
        #expect(again == metadata && again.hashValue == metadata.hashValue)
    }

    /// Each entry that comes must not be compared to all before it: that would take minutes.
    @Test(.timeLimit(.minutes(1)))
    func aHundredThousandEntriesAreSetAtOnce() {
        var metadata = Metadata()
        for index in 0..<100_000 { metadata["a header's name of some length \(index)"] = "\(index)" }
        #expect(metadata.count == 100_000 && metadata["a header's name of some length 77777"] == "77777")
    }
}

struct MetadataReaderTests {
    @Test func takesWhatIsWithinTheLimits() throws {
        var reader = MetadataReader()
        for index in 0..<MetadataLimits.count { reader.take("n\(index)", "v") }
        // No new entry.
        let isTaken = reader.take("n0", "w")
        #expect(isTaken)
        let metadata = try reader.finish()
        #expect(metadata.count == MetadataLimits.count && metadata["n0"] == "w")
    }

    @Test func endsAtTheFirstEntryTooMany() {
        var reader = MetadataReader()
        for index in 0...MetadataLimits.count { reader.take("n\(index)", "v") }
        let isTaken = reader.take("n0", "w")
        #expect(!isTaken)
        #expect(reader.isCutOff && reader.metadata.count == MetadataLimits.count && reader.metadata["n0"] == "v")
        #expect(throws: MetadataError.self) { try reader.finish() }
        #expect(Disposition(of: MetadataError()) == .poison("metadata_too_large"))
    }

    @Test func countsBytesOfNamesAndValues() {
        var reader = MetadataReader()
        let taken = [
            reader.take("name", String(repeating: "x", count: MetadataLimits.bytes - 4)), reader.take("a", ""),
        ]
        #expect(taken == [true, false])
        #expect(reader.isCutOff && reader.metadata.count == 1)
        #expect(MetadataLimits.excess(of: ["a": String(repeating: "x", count: MetadataLimits.bytes)]) != nil)
        #expect(MetadataLimits.excess(of: reader.metadata) == nil)
    }

    /// One name again and again, and as many names as there may be.
    @Test(.timeLimit(.minutes(1)))
    func anyNumberOfEntriesTakesLittleTime() {
        for names in [1, MetadataLimits.count, 100_000] {
            var reader = MetadataReader()
            for index in 0..<100_000 { reader.take("a name that is long \(index % names)", "") }
            #expect(reader.isCutOff == (names > 1 || 100_000 * 21 > MetadataLimits.bytes))
        }
    }
}
