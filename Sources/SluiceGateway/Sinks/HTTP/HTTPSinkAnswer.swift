import Sluice
import SluiceHTTP

/// Reads what a receiver answered: by its status, and for a preset by the words of its service as well.
struct HTTPSinkAnswer: Sendable {
    private let answers: HTTPSinkOptions.Answers
    private let preset: HTTPSinkOptions.Preset?
    private let target: String
    private let hold: Duration

    /// - Parameter hold: how long to wait before a person may have mended what only a person can.
    init(_ options: HTTPSinkOptions, target: String, hold: Duration) {
        answers = options.answers ?? options.preset?.answers ?? .standard
        preset = options.preset
        self.target = target
        self.hold = hold
    }

    /// Nil when the receiver has the event, else the error to throw. Nothing of the answer is shown but its status.
    func error(to response: HTTPClient.Response) -> HandlerError? {
        let status = response.status
        let words = "\(target) answered \(status)"
        switch answers.verdict(status) {
        case .success:
            guard preset?.isSuccess(response) ?? true else {
                return HandlerError(
                    "what answered with status \(status) is not \(preset?.name ?? target)",
                    reason: "\(preset?.name ?? "http")_answer",
                    disposition: .hold(
                        "\(target): status \(status) that is no answer of \(preset?.name ?? target)", for: hold))
            }
            return nil
        case .poison where preset?.blamesEvent(response) ?? true:
            return HandlerError(words, reason: "http_\(status)", disposition: .poison("\(target): status \(status)"))
        case .retry:
            let delay = preset?.delay(response) ?? RetryAfter.delay(in: response.headers)
            return HandlerError(
                words, reason: "http_\(status)",
                disposition: status == 429 ? .throttled(after: delay) : .retry(after: delay))
        case .poison, .hold:
            return HandlerError(
                words, reason: "http_\(status)", disposition: .hold("\(target): status \(status)", for: hold))
        }
    }
}
