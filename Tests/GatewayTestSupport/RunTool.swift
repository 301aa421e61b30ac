import Dispatch
import Foundation

/// Runs another program to its end. No thread waits for it: Swift's pool has few, and the gateway that the program asks may
/// be in this process and needs them.
package func runTool(
    _ arguments: [String], input: [UInt8] = [], in directory: TemporaryDirectory
) async throws -> (status: Int32, output: String) {
    try await withCheckedThrowingContinuation { continuation in
        do {
            try startTool(arguments, input: input, in: directory) { continuation.resume(returning: $0) }
        } catch {
            continuation.resume(throwing: error)
        }
    }
}

/// Whether a program is there and succeeds: what a test's condition asks, which cannot wait in another way.
package func toolSucceeds(_ arguments: [String]) -> Bool {
    guard let directory = try? TemporaryDirectory() else { return false }
    let (status, end) = (Flag(), DispatchSemaphore(value: 0))
    let isStarted: Void? = try? startTool(arguments, input: [], in: directory) { result in
        if result.status == 0 { status.raise() }
        end.signal()
    }
    guard isStarted != nil else { return false }
    end.wait()
    return status.isUp
}

/// - Parameter onEnd: called once, when the program has ended.
private func startTool(
    _ arguments: [String], input: [UInt8], in directory: TemporaryDirectory,
    onEnd: @escaping @Sendable ((status: Int32, output: String)) -> Void
) throws {
    let name = "\(directory.path)/tool-\(UUID().uuidString)"
    try Data(input).write(to: URL(fileURLWithPath: name + ".in"))
    try Data().write(to: URL(fileURLWithPath: name + ".out"))
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    process.standardInput = try FileHandle(forReadingFrom: URL(fileURLWithPath: name + ".in"))
    let output = try FileHandle(forWritingTo: URL(fileURLWithPath: name + ".out"))
    process.standardOutput = output
    process.standardError = output
    // It holds the process until it has ended.
    process.terminationHandler = { [held = process] process in
        held.terminationHandler = nil
        let text = FileManager.default.contents(atPath: name + ".out") ?? Data()
        onEnd((process.terminationStatus, String(decoding: text, as: UTF8.self)))
    }
    try process.run()
}
