import Foundation
import Glibc

/// A process as the journal names it: its number, and when it was started, since numbers are used again (`proc(5)`).
struct JournalProcess: Sendable, Equatable, CustomStringConvertible {
    let description: String

    /// This one. A gateway that is made a second time in one process is another.
    static func this(_ number: UInt64) -> JournalProcess { of(getpid(), number) }

    static func of(_ process: Int32, _ number: UInt64) -> JournalProcess {
        JournalProcess(description: "\(process)/\(start(of: process) ?? "0")/\(number)")
    }

    /// Whether the process that is named so runs on this machine.
    static func isAlive(_ text: String) -> Bool {
        let parts = text.split(separator: "/")
        guard parts.count == 3, let number = Int32(parts[0]), let start = start(of: number) else { return false }
        return start == parts[1]
    }

    private static func start(of process: Int32) -> Substring? {
        guard let stat = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
            let end = stat.lastIndex(of: ")")
        else { return nil }
        // From the second field on, which ends here: the third is its state, the 22nd when it was started.
        let fields = stat[end...].split(separator: " ")
        // One that has ended and that its parent has not asked about is still there.
        guard fields.count > 20, fields[1] != "Z", fields[1] != "X" else { return nil }
        return fields[20]
    }
}
