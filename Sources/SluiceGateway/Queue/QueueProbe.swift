import ServiceLifecycle
import Sluice

/// Repeats what the queue does last, without leaving an event, so that `/readyz` follows it without traffic too: every
/// second while the last outcome is a failure, and when nothing has happened for ten.
struct QueueProbe: Service {
    /// How long nothing may happen before it is looked whether it still would.
    static let idle: Duration = .seconds(10)
    private static let interval: Duration = .seconds(1)

    let queue: any EventQueue
    /// Called after each look.
    let onOutcome: @Sendable () -> Void

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    try await Task.sleep(for: Self.interval)
                } catch {
                    return
                }
                await queue.probe()
                onOutcome()
            }
        }
    }
}
