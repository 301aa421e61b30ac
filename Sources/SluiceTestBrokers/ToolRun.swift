public import Foundation

/// Another program, run to its end without holding up the cooperative pool.
public enum ToolRun {
    /// - Parameters:
    ///   - arguments: the first is the program, with its path.
    ///   - environment: all that it gets; this process's own unless given.
    /// - Returns: its exit status, and what it wrote to standard output and standard error.
    public static func output(
        _ arguments: [String], environment: [String: String] = ProcessInfo.processInfo.environment
    ) async throws -> (status: Int32, output: String) {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(
                    with: Result {
                        let child = try ChildProcess(arguments, environment: environment)
                        defer { close(child.socket) }
                        // It has nothing to read.
                        shutdown(child.socket, Int32(SHUT_WR))
                        let bytes = child.readAll()
                        return (child.wait(), String(decoding: bytes, as: UTF8.self))
                    })
            }
        }
    }
}
