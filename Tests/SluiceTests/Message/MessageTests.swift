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
}
