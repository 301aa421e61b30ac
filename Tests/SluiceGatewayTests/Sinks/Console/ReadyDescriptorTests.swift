import Foundation
import GatewayTestSupport
import Glibc
import Testing

@testable import SluiceGateway

struct ReadyDescriptorTests {
    private let line = [UInt8](repeating: 0x78, count: 1_000)

    @Test func aPipeThatIsFullTakesNothing() throws {
        let pipe = Pipe()
        let descriptor = pipe.fileHandleForWriting.fileDescriptor
        let ready = try #require(ReadyDescriptor(descriptor))
        var written = 0
        while ready.write(line) == line.count { written += line.count }
        #expect(written >= 32_768 && ready.write(line) == 0)
        // Other programs have it too.
        #expect(fcntl(descriptor, F_GETFL) & O_NONBLOCK == 0)
        #expect(try pipe.fileHandleForReading.read(upToCount: 8_192)?.count == 8_192)
        #expect(ready.write(line) == line.count)
    }

    /// SIGPIPE would end the program.
    @Test func aPipeWithoutAReaderRefuses() throws {
        let pipe = Pipe()
        let ready = try #require(ReadyDescriptor(pipe.fileHandleForWriting.fileDescriptor))
        try pipe.fileHandleForReading.close()
        for _ in 0..<3 { #expect(ready.write(line) == 0) }
    }

    @Test func aSocketThatIsFullTakesNothing() throws {
        var ends: [Int32] = [0, 0]
        #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        let ready = try #require(ReadyDescriptor(ends[0]))
        var written = 0
        while ready.write(line) == line.count { written += line.count }
        #expect(written > 0 && ready.write(line) == 0)
        close(ends[1])
        #expect(ready.write(line) == 0)
        close(ends[0])
    }

    @Test func aFileTakesEverythingButLongLines() throws {
        let directory = try TemporaryDirectory()
        let file = open(directory.path + "/lines", O_WRONLY | O_CREAT | O_APPEND, 0o600)
        let ready = try #require(ReadyDescriptor(file))
        #expect(ready.write(line) == line.count && ready.write(line) == line.count)
        #expect(ready.write([UInt8](repeating: 0, count: ReadyDescriptor.limit + 1)) == 0)
        #expect(FileManager.default.contents(atPath: directory.path + "/lines")?.count == 2_000)
        close(file)
    }

    @Test func whatMayMakeItsWriterWaitIsLeftToAThread() throws {
        #expect(ReadyDescriptor(-1) == nil)
        let null = open("/dev/null", O_WRONLY)
        #expect(ReadyDescriptor(null) == nil)
        close(null)
    }
}
