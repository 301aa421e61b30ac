import Logging
import ServiceLifecycle
import Sluice
import Synchronization

/// Lets the ledger forget what is too old, once in a while.
struct LedgerKeeper: Service {
    private static let interval: Duration = .seconds(3_600)

    let ledger: DeploymentLedger
    let retention: Duration
    /// Whether the clock is in doubt: then nothing goes.
    let isDoubted: @Sendable () -> Bool
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                // Never at the start, when there is other work.
                try? await Task.sleep(for: Self.interval)
                if !Task.isCancelled { await forget(at: .now()) }
            }
        }
    }

    /// Forgets everything that is too old then.
    func forget(at now: Timestamp) async {
        guard !isDoubted() else { return }
        let age = Int64(clamping: retention.wholeNanoseconds / 1_000_000)
        let (time, overflow) = now.millisecondsSince1970.subtractingReportingOverflow(age)
        guard !overflow else { return }
        do {
            while try await ledger.forget(before: Timestamp(millisecondsSince1970: time)) > 0, !Task.isCancelled {}
        } catch {
            // It is tried again; a damaged file is made again when its route finds it so.
            logger.warning("old deployments cannot be forgotten now", metadata: ["error": "\(error)"])
        }
    }
}
