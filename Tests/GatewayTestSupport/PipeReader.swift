package import Foundation
import Glibc
import Sluice
import Synchronization

/// Reads a pipe to its end on a thread of its own.
package final class PipeReader: Sendable {
    private let bytes: SharedBytes
    private let thread: WorkerThread

    package init(_ pipe: Pipe) throws {
        let bytes = SharedBytes()
        self.bytes = bytes
        let handle = pipe.fileHandleForReading
        thread = try WorkerThread(name: "pipe-reader") {
            var part = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = read(handle.fileDescriptor, &part, part.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return }
                bytes.value.withLock { $0 += part.prefix(count) }
            }
        }
    }

    /// Everything, once the other end is closed.
    package func all() async -> [UInt8] {
        await thread.end()
        return bytes.value.withLock(\.self)
    }

    /// As ``all()``.
    package func lines() async -> [String] {
        String(decoding: await all(), as: UTF8.self).split(separator: "\n").map(String.init)
    }
}

private final class SharedBytes: Sendable {
    let value = Mutex<[UInt8]>([])
}
