import CZlib

/// Compresses a body into gzip's format (RFC 1952).
package enum Gzip {
    /// Nil when zlib has no memory; the caller then sends the body as it is.
    /// - Parameter level: from 1 to 9.
    package static func compress(_ body: [UInt8], _ level: Int) -> [UInt8]? {
        var stream = z_stream()
        guard sluice_deflate_init_gzip(&stream, Int32(clamping: level)) == Z_OK else { return nil }
        defer { deflateEnd(&stream) }
        var packed: [UInt8] = []
        packed.reserveCapacity(body.count / 8 + 256)
        // zlib counts in 32 bits, so that a body is fed in pieces.
        let piece = 1 << 20
        let isComplete = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 1 << 14) { output in
            body.withUnsafeBufferPointer { input in
                var start = 0
                repeat {
                    let end = min(start + piece, input.count)
                    // zlib's interface is older than `const`; it does not write to its input.
                    stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress.map { $0 + start })
                    stream.avail_in = uInt(end - start)
                    start = end
                    let flush = end == input.count ? Z_FINISH : Z_NO_FLUSH
                    repeat {
                        stream.next_out = output.baseAddress
                        stream.avail_out = uInt(output.count)
                        let code = deflate(&stream, flush)
                        guard code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR else { return false }
                        packed.append(contentsOf: output.prefix(output.count - Int(stream.avail_out)))
                    } while stream.avail_out == 0
                } while start < input.count
                return true
            }
        }
        return isComplete ? packed : nil
    }
}
