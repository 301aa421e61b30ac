import Foundation
import Testing

@testable import SluiceGateway

@Suite struct StartPagesTests {
    @Test func onlyWhatIsAsInItsFileIsGivenBack() {
        func mapping(
            _ addresses: String, _ permissions: String, _ path: String, anonymous: Int = 0, swapped: Int = 0
        ) -> String {
            """
            \(addresses) \(permissions) 00001000 fe:00 1234                       \(path)
            Size:                 64 kB
            Rss:                  64 kB
            Anonymous:      \(anonymous) kB
            Swap:           \(swapped) kB
            SwapPss:        \(swapped) kB
            VmFlags: rd ex mr mw me
            """
        }
        let program = "/usr/bin/sluice"
        let maps = [
            mapping("1000-2000", "r--p", program), mapping("2000-4000", "r-xp", program),
            // What was written when the program was loaded, and protected then.
            mapping("4000-5000", "r--p", program, anonymous: 4), mapping("5000-6000", "r--p", program, swapped: 4),
            mapping("6000-7000", "rw-p", program), mapping("7000-8000", "r-xp", "[vdso]"),
            mapping("8000-9000", "r--p", ""), mapping("9000-a000", "r--s", "/var/lib/sluice/events.sqlite-shm"),
            mapping("a000-b000", "r--p", "/usr/share/zoneinfo/UTC"),
            mapping("b000-c000", "r-xp", "/usr/lib/libc.so.6"), mapping("d000-d000", "r-xp", "/usr/lib/libc.so.6"),
            "nonsense", "Anonymous: 0 kB", "Swap: 0 kB",
        ].joined(separator: "\n")
        #expect(
            StartPages.unchanged(maps, of: "./sluice") == [0x1000..<0x2000, 0x2000..<0x4000, 0xb000..<0xc000])
    }

    @Test func theProgramRunsOnWithoutThem() throws {
        func resident() throws -> Int {
            let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
            let line = status.split(separator: "\n").first { $0.hasPrefix("RssFile:") }
            return try #require(line.flatMap { Int($0.split(whereSeparator: \.isWhitespace)[1]) })
        }
        let before = try resident()
        StartPages.giveBack()
        #expect(try resident() < before * 3 / 4)
    }
}
