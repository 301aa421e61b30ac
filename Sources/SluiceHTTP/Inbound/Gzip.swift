internal import CZlib

/// The bodies of requests with `Content-Encoding: gzip` (RFC 1952), through zlib.
enum Gzip {
    /// What the bytes inflate to; several members in a row count as one, as the format has it.
    /// - Parameter limit: how many bytes may come out. It holds while inflating, so that a small body that stands for
    ///   a huge one costs no more than that.
    static func inflate(_ bytes: [UInt8], limit: Int) throws(GzipError) -> [UInt8] {
        var result: [UInt8] = []
        let failure = bytes.withUnsafeBufferPointer { input -> GzipError? in
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
        if let failure { throw failure }
        return result
    }

    private static let chunk = 64 * 1024
}

struct GzipError: Error {
    let response: HTTPInboundResponse

    static let corrupt = GzipError(response: .error(400, "the gzip body is corrupt or incomplete"))

    static func tooLarge(_ limit: Int) -> GzipError {
        GzipError(response: .error(413, "the gzip body inflates to more than \(limit) bytes"))
    }
}
