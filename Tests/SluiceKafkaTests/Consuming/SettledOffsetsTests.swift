import Sluice
import Testing

@testable import SluiceKafka

struct SettledOffsetsTests {
    @Test(arguments: [
        SettledOffsets(settled: OffsetSet(through: 0), deliveredThrough: 0),
        SettledOffsets(settled: OffsetSet(through: 7), deliveredThrough: 9),
        SettledOffsets(settled: OffsetSet(through: 7, ranges: [9...9, 11...500]), deliveredThrough: 600),
        SettledOffsets(settled: OffsetSet(through: 1 << 40, ranges: [1 << 41...1 << 42]), deliveredThrough: 1 << 43),
    ])
    func comeBackAsTheyWere(_ offsets: SettledOffsets) {
        let read = SettledOffsets(offset: offsets.settled.through, metadata: offsets.metadata())
        #expect(read == offsets)
    }

    @Test func needNoMetadataWhereNothingIsAhead() {
        #expect(SettledOffsets(settled: OffsetSet(through: 7), deliveredThrough: 7).metadata() == "")
    }

    @Test(arguments: ["", "s1:", "s1:!!", "s1:AA", "s2:AAAA", "consumer-1", "s1:////////////////////", "s1:AQAA"])
    func readForeignAndDamagedMetadataAsNothingAhead(_ metadata: String) {
        let read = SettledOffsets(offset: 12, metadata: metadata)
        #expect(read.settled == OffsetSet(through: 12) && read.deliveredThrough >= 12)
    }

    @Test(arguments: [Int64.min, -1, 0, Int64.max])
    func surviveAnyOffset(_ offset: Int64) {
        let read = SettledOffsets(offset: offset, metadata: "s1:AQEB")
        #expect(read.settled.through >= 0 && read.settled.through <= SettledOffsets.largestOffset)
    }

    /// 4096 bytes hold what a subscription with the default limits can have ahead in most cases, and the first ranges
    /// in every case.
    @Test(arguments: [4_096, 1_024, 64, 8, 0])
    func keepTheFirstRangesWhereNotAllFit(_ limit: Int) {
        let ranges = (1...4_000).map { Int64($0 * 3)...Int64($0 * 3) }
        let offsets = SettledOffsets(settled: OffsetSet(through: 0, ranges: ranges), deliveredThrough: 20_000)
        let metadata = offsets.metadata(limit: limit)
        #expect(metadata.utf8.count <= limit)
        let read = SettledOffsets(offset: 0, metadata: metadata).settled.ranges
        #expect(read == Array(ranges.prefix(read.count)))
        if limit == 4_096 { #expect(read.count > 1_500) }
        #expect(limit >= 64 || read.count <= 1)
    }
}
