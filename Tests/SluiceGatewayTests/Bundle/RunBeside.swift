import Dispatch
import GatewayTestSupport

/// Runs another program to its end, on a thread of its own: waiting for it must not take one from Swift's pool, which
/// has few, and on which a gateway in this process has to answer.
func runBeside(_ arguments: [String], in directory: TemporaryDirectory) async throws -> (status: Int32, output: String)
{
    try await withCheckedThrowingContinuation { continuation in
        DispatchQueue.global().async {
            continuation.resume(with: Result { try runTool(arguments, in: directory) })
        }
    }
}
