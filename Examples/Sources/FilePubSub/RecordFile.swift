import Foundation

/// A file of lines, each a record.
struct RecordFile {
    private static let newline = UInt8(ascii: "\n")

    private let handle: FileHandle
    /// Where each record ends, behind its newline.
    private var ends: [UInt64] = []

    var count: Int { ends.count }

    init(_ url: URL) throws {
        if !FileManager.default.fileExists(atPath: url.path()) {
            try Data().write(to: url)
        }
        handle = try FileHandle(forUpdating: url)
        var position: UInt64 = 0
        while let chunk = try handle.read(upToCount: 1 << 20), !chunk.isEmpty {
            for (index, byte) in chunk.enumerated() where byte == Self.newline {
                ends.append(position + UInt64(index) + 1)
            }
            position += UInt64(chunk.count)
        }
        // A crash may have cut off the last one; its publisher was never told that it is kept.
        try handle.truncate(atOffset: ends.last ?? 0)
    }

    /// - Parameters:
    ///   - records: without newlines.
    ///   - synchronized: whether it returns only when they are on the disk.
    mutating func append(_ records: [Data], synchronized: Bool) throws {
        let start = ends.last ?? 0
        var block = Data()
        for record in records { block += record + [Self.newline] }
        do {
            try handle.seek(toOffset: start)
            try handle.write(contentsOf: block)
            if synchronized { try handle.synchronize() }
        } catch {
            try? handle.truncate(atOffset: start)
            throw error
        }
        var end = start
        for record in records {
            end += UInt64(record.count) + 1
            ends.append(end)
        }
    }

    func read(_ index: Int) throws -> Data {
        let start = index == 0 ? 0 : ends[index - 1]
        try handle.seek(toOffset: start)
        return try handle.read(upToCount: Int(ends[index] - start - 1)) ?? Data()
    }
}
