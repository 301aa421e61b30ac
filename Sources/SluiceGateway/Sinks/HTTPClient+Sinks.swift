import Sluice
import SluiceHTTP

extension HTTPClient {
    /// `send` for a sink, whose address and credentials are the configuration's: a request that cannot be written, or
    /// an answer that is none, is never the message's fault. An address that is refused because it is not public is.
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
        // Only where the event itself has a hand in the address is that asked for.
        if code == .addressRefused { return self }
        switch disposition.kind {
        case .retry, .throttled: return self
        case .poison, .discard, .hold:
            return HandlerError(description, reason: reason, disposition: .hold("\(target): \(reason)", for: hold))
        }
    }
}
