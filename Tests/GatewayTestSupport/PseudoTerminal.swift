package import Foundation
import SluiceTesting
import Synchronization

/// A terminal without a window: what a program writes to it can be read here.
package final class PseudoTerminal: Sendable {
    /// The program's side.
    package let handle: FileHandle
    private let master: FileHandle
    private let bytes = Mutex<[UInt8]>([])
    /// `TIOCSPTLCK` and `TIOCGPTN`, macros that Swift cannot import.
    private static let (unlock, number) = (UInt(0x4004_5431), UInt(0x8004_5430))

    /// - Throws: ``TestFailure`` when the system has none.
    package init(columns: UInt16 = 100, lines: UInt16 = 30) throws {
        // What posix_openpt, grantpt and unlockpt do on Linux (pts(4)).
        let descriptor = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        var (number, lock) = (Int32(-1), Int32(0))
        guard descriptor >= 0, ioctl(descriptor, Self.unlock, &lock) == 0, ioctl(descriptor, Self.number, &number) == 0
        else { throw TestFailure("there is no pseudo-terminal") }
        let slave = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard slave >= 0 else { throw TestFailure("the pseudo-terminal cannot be opened") }
        var size = winsize(ws_row: lines, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(slave, UInt(TIOCSWINSZ), &size)
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        handle = FileHandle(fileDescriptor: slave, closeOnDealloc: true)
        master = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    /// All that was written to it so far, escape sequences included.
    package var text: String {
        bytes.withLock { bytes in
            var piece = [UInt8](repeating: 0, count: 64 << 10)
            while true {
                let count = read(master.fileDescriptor, &piece, piece.count)
                guard count > 0 else { break }
                bytes += piece.prefix(count)
            }
            return String(decoding: bytes, as: UTF8.self)
        }
    }
}
