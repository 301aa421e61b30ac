import CZlib

/// The bodies of requests with `Content-Encoding: gzip` (RFC 1952), through zlib.
enum Gzip {
    /// What the bytes inflate to; several members in a row count as one, as the format has it.
    /// - Parameters:
    ///   - limit: how many bytes may come out. It holds while inflating, so that a small body that stands for a huge one
    ///     costs no more than that.
    ///   - reserve: whether memory may be taken for so many bytes more.
    static func inflate(
        _ bytes: [UInt8], limit: Int, reserve: (Int) -> Bool
    ) throws(GzipError) -> [UInt8] {
        var result: [UInt8] = []
        var room = 0
        // What it claims for itself is believed as far as so many bytes can stand for it, and saves growing.
        let failure =
            grow(&result, &room, to: min(limit, claimedSize(bytes)), reserve)
            ?? bytes.withUnsafeBufferPointer { input in inflate(input, into: &result, &room, limit, reserve) }
        if let failure { throw failure }
        return result
    }

    private static func inflate(
        _ input: UnsafeBufferPointer<UInt8>, into result: inout [UInt8], _ room: inout Int, _ limit: Int,
        _ reserve: (Int) -> Bool
    ) -> GzipError? {
        // zlib counts its input in 32 bits.
        guard let start = input.baseAddress, let count = UInt32(exactly: input.count) else { return .corrupt }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: chunk) { output in
            guard let target = output.baseAddress else { return .corrupt }
            var stream = z_stream()
            guard sluice_inflate_init_gzip(&stream) == Z_OK else { return .corrupt }
            defer { inflateEnd(&stream) }
            stream.next_in = UnsafeMutablePointer(mutating: start)
            stream.avail_in = count
            while true {
                stream.next_out = target
                stream.avail_out = UInt32(chunk)
                let code = CZlib.inflate(&stream, Z_NO_FLUSH)
                guard code == Z_OK || code == Z_STREAM_END else { return .corrupt }
                let written = chunk - Int(stream.avail_out)
                guard written <= limit - result.count else { return .tooLarge(limit) }
                if result.count + written > room {
                    let size = min(limit, max(2 * room, result.count + written))
                    if let failure = grow(&result, &room, to: size, reserve) { return failure }
                }
                result.append(contentsOf: UnsafeBufferPointer(start: target, count: written))
                if code == Z_STREAM_END {
                    if stream.avail_in == 0 { return nil }
                    guard inflateReset(&stream) == Z_OK else { return .corrupt }
                } else if stream.avail_in == 0 && stream.avail_out > 0 {
                    return .corrupt
                }
            }
        }
    }

    private static func grow(
        _ result: inout [UInt8], _ room: inout Int, to size: Int, _ reserve: (Int) -> Bool
    ) -> GzipError? {
        guard size > room else { return nil }
        guard reserve(size - room) else { return .noRoom }
        result.reserveCapacity(size)
        room = size
        return nil
    }

    /// The last four bytes say how many its last member inflates to (RFC 1952, 2.3.1).
    private static func claimedSize(_ bytes: [UInt8]) -> Int {
        let claim = bytes.suffix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
        // Deflate makes no more than 1,032 bytes of one.
        return min(claim, bytes.count * 1_032)
    }

    private static let chunk = 64 * 1024
}

enum GzipError: Error {
    case corrupt
    /// It inflates to more than is allowed.
    case tooLarge(Int)
    /// There is no room in memory for it now.
    case noRoom
}
