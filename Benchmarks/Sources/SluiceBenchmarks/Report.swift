import Foundation

/// Prints figures as they come, a table a subject.
enum Report {
    static func subject(_ title: String, columns: [String]) {
        print("\n## \(title)\n")
        print("| " + columns.joined(separator: " | ") + " |")
        print("|" + columns.map { _ in "---|" }.joined())
    }

    static func row(_ cells: String...) {
        print("| " + cells.joined(separator: " | ") + " |")
        fflush(nil)
    }

    static func rate(_ count: Int, _ seconds: Double) -> String {
        let rate = Int((Double(count) / seconds).rounded())
        let digits = Array(String(rate))
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text += "," }
            text.append(digit)
        }
        return text
    }

    static func decimal(_ figure: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", figure) }

    static func nanoseconds(_ count: Int, _ seconds: Double) -> String {
        String(format: "%.0f ns", seconds * 1e9 / Double(count))
    }
}

/// Seconds that `body` took on the wall's clock.
func timed(_ body: () async throws -> Void) async rethrows -> Double {
    let start = ContinuousClock.now
    try await body()
    let elapsed = ContinuousClock.now - start
    return Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
}

/// CPU seconds of this process so far.
func cpuSeconds() -> Double {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
    return seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// CPU seconds of another process so far; 0 where that cannot be known.
func cpuSeconds(of process: Int32?) -> Double {
    guard let process, let stat = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
        let end = stat.lastIndex(of: ")")
    else { return 0 }
    // proc(5): the 14th and 15th fields, of which the second ends here.
    let ticks = stat[end...].split(separator: " ").dropFirst(12).prefix(2).compactMap { Double($0) }
    return ticks.reduce(0, +) / Double(sysconf(Int32(_SC_CLK_TCK)))
}
