import Sluice
import SluiceHTTP
import Synchronization

/// Knows which sinks cannot be reached, and for how long: a name that does not resolve, a certificate that is not
/// trusted, or a proxy that refuses would otherwise only show in the log.
final class SinkTrouble: Sendable {
    /// What a note begins with, behind the sink's name.
    static let unreachable = "cannot be reached"

    private struct Trouble {
        var cause: String
        var began: MonotonicTime
        var failures: Int
    }

    /// So many failures in a row, or a failure after so long, are more than a hiccup.
    private static let failures = 3
    private static let duration = Duration.seconds(60)

    private let sinks = Mutex<[String: Trouble]>([:])

    /// Takes note of how a request went. Whatever a sink answers, it can be reached.
    func observe(_ observation: HTTPClient.Observation, now: MonotonicTime = .now()) {
        let target = observation.target
        guard observation.status == nil, let error = observation.error,
            let cause = Self.cause(error, observation.detail)
        else {
            if observation.status != nil { sinks.withLock { _ = $0.removeValue(forKey: target) } }
            return
        }
        sinks.withLock { sinks in
            var trouble = sinks[target] ?? Trouble(cause: cause, began: now, failures: 0)
            trouble.cause = cause
            trouble.failures = trouble.failures.addingSaturated(1)
            sinks[target] = trouble
        }
    }

    /// Names each sink that has not been reached for a while, and the cause; never an address.
    func report(to readiness: inout Readiness) {
        let now = MonotonicTime.now()
        let lasting = sinks.withLock { sinks in
            sinks.filter { _, trouble in
                trouble.failures >= Self.failures || trouble.began.advanced(by: Self.duration) <= now
            }
        }
        for (target, trouble) in lasting.sorted(by: { $0.key < $1.key }) {
            readiness.notes.append("\(target): \(Self.unreachable): \(trouble.cause)")
        }
    }

    /// Nil for what says nothing of the sink, such as the end of the program, or an address that was not asked.
    private static func cause(_ error: HTTPClientError.Code, _ detail: String?) -> String? {
        switch error {
        case .dnsFailed:
            detail == CurlText.proxyName ? "the proxy's name cannot be resolved" : "its name cannot be resolved"
        case .tlsFailed: "TLS fails: \(detail ?? error.word)"
        case .proxyRefused: "the proxy refuses: \(detail ?? error.word)"
        case .connectFailed: "the connection is refused"
        case .connectTimeout: "connecting takes too long"
        case .timeout: "it does not answer in time"
        case .connectionReset, .responseTruncated: "connections end before it answers"
        case .responseMalformed: "it does not answer in HTTP"
        case .cancelled, .closed, .invalidRequest, .addressRefused: nil
        default: detail ?? error.word
        }
    }

    private enum CurlText {
        /// libcurl's fixed text for CURLE_COULDNT_RESOLVE_PROXY.
        static let proxyName = "Couldn't resolve proxy name"
    }
}
