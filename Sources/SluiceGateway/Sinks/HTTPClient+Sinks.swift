import Sluice
import SluiceHTTP

extension HTTPClient {
    /// `send` for a sink, whose address and credentials are the configuration's: a request that cannot be written, or
    /// an answer that is none, is never the message's fault.
    /// - Parameter hold: how long to wait before a person may have mended it.
    func send(_ request: Request, hold: Duration) async throws -> Response {
        do throws(HTTPClientError) {
            return try await send(request)
        } catch {
            throw error.withoutBlame(hold: hold)
        }
    }
}

extension HTTPClientError {
    /// The error as one of a sink's.
    func withoutBlame(hold: Duration) -> any DispositionError {
        switch disposition.kind {
        case .retry, .throttled: return self
        case .poison, .discard, .hold:
            return HandlerError(description, reason: reason, disposition: .hold("\(target): \(reason)", for: hold))
        }
    }
}
