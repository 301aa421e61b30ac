import Foundation

/// Cuts a stream of bytes into lines.
struct LineReader {
    /// More in one line is not a line but a mistake, or an attack.
    static let maximumLine = 64 << 20

    private var rest: [UInt8] = []
    private let read: () throws -> [UInt8]
    private var ended = false

    /// - Parameter read: the next bytes, as soon as there are any; empty at the end.
    init(_ read: @escaping () throws -> [UInt8]) {
        self.read = read
    }

    /// All the lines that are there, without their ends; waits for at least one.
    /// - Returns: nil at the end.
    mutating func next() throws -> [[UInt8]]? {
        while !ended {
            let bytes = try read()
            ended = bytes.isEmpty
            let start = rest.count
            rest += bytes
            guard rest.count <= Self.maximumLine || bytes.contains(UInt8(ascii: "\n")) else {
                throw ToolError("a line is longer than \(Self.maximumLine >> 20) MiB")
            }
            if let last = rest[start...].lastIndex(of: UInt8(ascii: "\n")) {
                defer { rest.removeFirst(last + 1) }
                return Self.lines(of: rest[..<last])
            }
        }
        guard !rest.isEmpty else { return nil }
        defer { rest = [] }
        return Self.lines(of: rest[...])
    }

    private static func lines(of bytes: ArraySlice<UInt8>) -> [[UInt8]] {
        // A carriage return belongs to the line: a payload may end in one.
        bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { Array($0) }
    }
}
