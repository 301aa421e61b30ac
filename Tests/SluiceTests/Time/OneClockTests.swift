import Foundation
import Testing

/// The core has one place where it looks at the machine's clock, sets timers, sleeps and draws: `RouterTime`.
struct OneClockTests {
    /// Files that may, each with its reason.
    private static let exempt: [String: String] = [
        "Time/RouterTime.swift": "is the place",
        "Time/RealTimers.swift": "is the place",
        "Time/MonotonicTime.swift": "reads the clock for it",
        "Time/Virtual/VirtualSchedule.swift": "draws the order of a virtual time from its seed",
        "Time/Virtual/VirtualTimeError.swift": "names what cannot be used",
        "Message/Timestamp.swift": "reads the clock for it",
        "Message/MessageID.swift": "ids are unique in the world, also those of a virtual time",
        "Concurrency/ThreadSignal.swift": "threads of adapters",
        "Concurrency/BriefLook.swift": "spares the machine's own switches",
        "Concurrency/PollSignal.swift": "threads of adapters",
        "Instruments/FailureDiary.swift": "adapters have some too; a route's is told its time",
    ]

    private static let forbidden = [
        "MonotonicTime.now()", ".now()", "Timestamp.now()", "clock_gettime", "Task.sleep", "ContinuousClock",
        "SuspendingClock", "asyncAfter", "DispatchTime", "Date()", "random(in: ", "SystemRandomNumberGenerator",
        "nanosleep", "usleep",
    ]

    @Test func theCoreGoesByItsRoutersTimeAlone() throws {
        let sources = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Sources/Sluice")
        let files = try #require(FileManager.default.enumerator(atPath: sources.path)).compactMap { $0 as? String }
            .filter { $0.hasSuffix(".swift") }
        #expect(files.count > 60)
        for file in files where Self.exempt[file] == nil {
            let text = try String(contentsOf: sources.appending(path: file), encoding: .utf8)
            for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
                let code = line.split(separator: "//", omittingEmptySubsequences: false)[0]
                for word in Self.forbidden where code.contains(word) && !code.contains("time.\(word)") {
                    Issue.record("\(file):\(number + 1) goes by the machine's time: \(line)")
                }
            }
        }
    }
}
