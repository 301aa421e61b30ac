import Testing

@testable import SluiceGateway

struct CommitHashTests {
    @Test(arguments: [
        "abcd", "0123456789abcdef", "0123456789abcdef0", "0123456789abcdef0123456789abcdef01234567",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    ])
    func isItsTextAgain(_ text: String) {
        #expect(CommitHash(text)?.text == text)
        #expect(CommitHash(text.uppercased())?.text == text)
    }

    @Test(arguments: ["", "abc", "abcg", "abcd ", String(repeating: "a", count: 65), "äbcd"])
    func refusesWhatIsNoHash(_ text: String) {
        #expect(CommitHash(text) == nil)
    }

    @Test func sortsAndComparesAsItsTextDoes() throws {
        var numbers = SeededNumbers(seed: 3)
        let digits = Array("0123456789abcdef")
        let texts = (0..<200).map { _ in
            String(
                (0..<Int.random(in: 4...64, using: &numbers)).map { _ in digits[Int.random(in: 0..<2, using: &numbers)]
                })
        }
        for one in texts {
            let hash = try #require(CommitHash(one))
            for other in texts {
                let second = try #require(CommitHash(other))
                #expect((hash < second) == (one < other), "\(one) \(other)")
                #expect(hash.hasPrefix(second) == one.hasPrefix(other), "\(one) \(other)")
            }
        }
    }

    /// Hashes of SHA-256 that agree in their first 40 digits are two commits.
    @Test func longHashesAreToldApart() throws {
        var commits = CommitTable()
        let front = String(repeating: "a", count: 40)
        let hashes = try ["", "1", "2", "12", String(repeating: "3", count: 24)].map {
            try #require(CommitHash(front + $0))
        }
        let ids = hashes.map { commits.id(of: $0, in: 1) }
        #expect(Set(ids).count == hashes.count)
        #expect(hashes.map { commits.find($0, in: 1) } == ids)
        #expect(ids.map { commits.hash(of: $0) } == hashes)
        #expect(commits.find(hashes[0], in: 2) == nil)
    }

    @Test func aTableGrowsAndFindsAll() throws {
        var commits = CommitTable()
        var numbers = SeededNumbers(seed: 9)
        let hashes = (0..<5_000).map { _ in
            CommitHash(a: numbers.next(), b: numbers.next(), c: numbers.next() & 0xFFFF_FFFF_0000_0000, d: 0, count: 40)
        }
        for (index, hash) in hashes.enumerated() { #expect(commits.id(of: hash, in: 7) == UInt32(index)) }
        for (index, hash) in hashes.enumerated() { #expect(commits.find(hash, in: 7) == UInt32(index)) }
        let index = PrefixIndex(commits)
        for hash in hashes.prefix(500) {
            let prefix = try #require(CommitHash(String(hash.text.prefix(9))))
            var found: [CommitHash] = []
            index.forEach(prefix, in: commits) { commit in
                found.append(commits.hash(of: commit))
                return true
            }
            #expect(found == hashes.filter { $0.text.hasPrefix(prefix.text) }.sorted())
        }
    }
}
