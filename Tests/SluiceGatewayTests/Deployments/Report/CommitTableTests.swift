import Testing

@testable import SluiceGateway

/// The tables that reports are made from, against plain sets and dictionaries.
struct CommitTableTests {
    private static func hash(_ numbers: inout SeededNumbers, digits: Int) -> CommitHash? {
        let text = (0..<digits).map { _ in String(UInt8.random(in: 0..<16, using: &numbers), radix: 16) }.joined()
        return CommitHash(text)
    }

    /// The table grows several times, and every commit keeps its number.
    @Test func everyCommitIsFoundAgain() throws {
        var numbers = SeededNumbers(seed: 11)
        var index = CommitIndex()
        var known: [CommitHash: [UInt32: UInt32]] = [:]
        for _ in 0..<20_000 {
            let digits = [7, 33, 39, 40, 40, 40, 64].randomElement(using: &numbers) ?? 40
            let repository = UInt32.random(in: 0..<3, using: &numbers)
            let hash = try #require(Self.hash(&numbers, digits: digits))
            let id = index.id(of: hash, in: repository)
            #expect(known[hash]?[repository] ?? UInt32(index.count - 1) == id)
            known[hash, default: [:]][repository] = id
        }
        for (hash, ids) in known {
            for repository in 0..<UInt32(3) { #expect(index.find(hash, in: repository) == ids[repository]) }
            for id in ids.values { #expect(index.hash(of: id) == hash) }
        }
    }

    @Test func aWalkVisitsEachCommitOnceAndTheNextOneAllOfThemAgain() {
        var visits = Visits(commits: 130)
        for _ in 0..<3 {
            visits.begin()
            for commit in [0, 63, 64, 129] as [UInt32] {
                #expect(!visits.has(commit))
                let isNew = visits.visit(commit)
                #expect(isNew && visits.has(commit))
                let isNewAgain = visits.visit(commit)
                #expect(!isNewAgain)
            }
            #expect(!visits.has(1))
        }
    }

    @Test func whatOnePlaceShippedAnotherHasNot() {
        var shipments = Shipments(commits: 3)
        shipments.begin(2)
        let first = [shipments.mark(0, 0), shipments.mark(1, 1), shipments.mark(0, 1)]
        #expect(first == [true, true, false])
        #expect(shipments[0] == 0 && shipments[1] == 1 && shipments[2] == nil)
        shipments.begin(1)
        #expect(shipments[0] == nil && shipments[1] == nil)
        let second = shipments.mark(1, 0)
        #expect(second && shipments[1] == 0)
    }

    /// A name that was seen not long ago is told from all others that share its place.
    @Test func namesInBytesAreTheNamesInStrings() {
        var table = NameTable()
        var numbers: [String: UInt32] = [:]
        for round in 0..<2 {
            for number in 0..<2_000 {
                let name = "acme/service-\(number)"
                let id = Array(name.utf8).withUnsafeBufferPointer { table.id(of: $0) }
                #expect(round == 0 || numbers[name] == id)
                numbers[name] = id
                let again = table.id(of: name)
                #expect(again == id && table[id] == name)
            }
        }
        #expect(table.count == 2_000)
        let empty = [[UInt8]().withUnsafeBufferPointer { table.id(of: $0) }, table.id(of: "")]
        #expect(empty[0] == empty[1])
    }
}
