import Dispatch
import Foundation

/// Runs another program to its end, on a thread of its own: waiting for it must not take one from Swift's pool, which
/// has few, and on which a gateway in this process has to answer.
package func runTool(
    _ arguments: [String], input: [UInt8] = [], in directory: TemporaryDirectory
) async throws -> (status: Int32, output: String) {
    try await withCheckedThrowingContinuation { continuation in
        DispatchQueue.global().async {
            continuation.resume(with: Result { try runToolHere(arguments, input: input, in: directory) })
        }
    }
}

/// Whether a program is there and succeeds: what a test's condition asks, which cannot wait in another way.
package func toolSucceeds(_ arguments: [String]) -> Bool {
    guard let directory = try? TemporaryDirectory() else { return false }
    return (try? runToolHere(arguments, input: [], in: directory))?.status == 0
}

private func runToolHere(
    _ arguments: [String], input: [UInt8], in directory: TemporaryDirectory
) throws -> (status: Int32, output: String) {
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
    try process.run()
    process.waitUntilExit()
    let text = FileManager.default.contents(atPath: name + ".out") ?? Data()
    return (process.terminationStatus, String(decoding: text, as: UTF8.self))
}
