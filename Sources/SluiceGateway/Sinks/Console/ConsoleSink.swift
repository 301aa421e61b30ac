import Sluice

/// Prints one readable line an event to standard output, for a gateway without other sinks.
struct ConsoleSink: SinkOptions {
    static let name = "console"

    var isReachedOverHTTP: Bool { false }
    var isLocal: Bool { true }

    func makeSink(_ parts: SinkParts) -> any Sink { Console() }

    private struct Console: Sink {
        private let output = ConsoleOutput()

        func deliver(_ delivery: SinkDelivery) async throws {
            try await output.write(Array((ConsoleLine.text(of: delivery.event) + "\n").utf8))
        }
    }
}
