import Sluice
import SluiceHTTP

/// What a scenario has to know of a kind of sink: the sink itself, and what its other side says.
struct ScenarioSinkKind: Sendable {
    /// A request on its way to the other side.
    struct Request: Sendable {
        let method: String
        let message: Message
        /// Whether the other side has taken the message already.
        let isTaken: Bool
    }

    struct Refusal: Sendable {
        let status: Int
        let body: String
    }

    let name: String
    let options: any SinkOptions
    /// The body of an answer that takes the message.
    let success: @Sendable (Request) -> String
    /// An answer that says that the message can never be taken.
    let refusal: Refusal
    /// Whether such a sink may tell pushes as one.
    var mayDigest = false

    static let all: [ScenarioSinkKind] = Registry.sinks.compactMap(\.scenario)

    /// Any server: 2xx is success; 408, 425, 429 and 5xx are tried again; 422 poisons; everything else holds.
    static let http = ScenarioSinkKind(
        name: "http", options: PlainSink(), success: { _ in "" },
        refusal: Refusal(status: PlainSink.poisonStatus, body: ""))
}

/// Posts events as they stand on the queue.
private struct PlainSink: SinkOptions {
    static let poisonStatus = 422

    func makeSink(_ parts: SinkParts) -> any Sink { Posting(parts: parts) }

    private struct Posting: Sink {
        let parts: SinkParts

        func deliver(_ delivery: SinkDelivery) async throws {
            let post = HTTPClient.Request(
                "POST", "http://\(parts.name)/", target: parts.name, body: delivery.message.payload)
            try await parts.send(post).requireSuccess(HTTPStatusError.classify(poisoning: [poisonStatus]))
        }
    }
}
