import Glibc

/// What Linux says about this process (proc(5)).
struct ProcessSample {
    var cpuSeconds: Double
    var virtualBytes: Double
    var residentBytes: Double
    /// Since 1970.
    var startSeconds: Double
    var threads: Double
    var openFiles: Double?
    var maxFiles: Double?

    /// Nil where there is no `/proc`, or it cannot be read or understood.
    static func read() -> ProcessSample? {
        guard let stat = text("/proc/self/stat"),
            var sample = parse(
                stat: stat, bootTime: bootTime, ticksPerSecond: Double(sysconf(Int32(_SC_CLK_TCK))),
                pageSize: Double(sysconf(Int32(_SC_PAGESIZE))))
        else { return nil }
        sample.openFiles = countEntries("/proc/self/fd")
        sample.maxFiles = text("/proc/self/limits").flatMap(parseMaxFiles)
        return sample
    }

    /// - Parameter stat: the program's name comes second, in parentheses, and may hold spaces and parentheses.
    static func parse(stat: String, bootTime: Double, ticksPerSecond: Double, pageSize: Double) -> ProcessSample? {
        guard ticksPerSecond > 0, let end = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[stat.index(after: end)...].split(whereSeparator: \.isWhitespace).map { Double($0) }
        // `fields` begins with the third field of proc(5).
        func field(_ number: Int) -> Double? { number - 3 < fields.count ? fields[number - 3] : nil }
        guard let user = field(14), let system = field(15), let threads = field(20), let start = field(22),
            let virtualBytes = field(23), let residentPages = field(24)
        else { return nil }
        return ProcessSample(
            cpuSeconds: (user + system) / ticksPerSecond, virtualBytes: virtualBytes,
            residentBytes: residentPages * pageSize, startSeconds: bootTime + start / ticksPerSecond, threads: threads)
    }

    /// The soft limit; `unlimited` is infinite.
    static func parseMaxFiles(limits: String) -> Double? {
        let title = "Max open files"
        guard let line = limits.split(separator: "\n").first(where: { $0.hasPrefix(title) }),
            let soft = line.dropFirst(title.count).split(separator: " ").first
        else { return nil }
        return soft == "unlimited" ? .infinity : Double(soft)
    }

    static func parseBootTime(stat: String) -> Double? {
        let title = "btime "
        return stat.split(separator: "\n").first { $0.hasPrefix(title) }.flatMap { Double($0.dropFirst(title.count)) }
    }

    /// Read once: the kernel computes it anew each time, and it would wobble by a second.
    private static let bootTime = text("/proc/stat").flatMap(parseBootTime) ?? 0

    private static func text(_ path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes: [UInt8] = []
        let isComplete = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 4_096) { buffer in
            while true {
                let count = Self.read(file, buffer)
                if count <= 0 { return count == 0 }
                bytes.append(contentsOf: buffer.prefix(count))
            }
        }
        return isComplete ? String(decoding: bytes, as: UTF8.self) : nil
    }

    private static func read(_ file: Int32, _ buffer: UnsafeMutableBufferPointer<UInt8>) -> Int {
        Glibc.read(file, buffer.baseAddress, buffer.count)
    }

    /// Without `.`, `..`, and the descriptor that reads the folder.
    private static func countEntries(_ folder: String) -> Double? {
        guard let stream = opendir(folder) else { return nil }
        defer { closedir(stream) }
        var count = -3.0
        while readdir(stream) != nil { count += 1 }
        return max(count, 0)
    }
}
