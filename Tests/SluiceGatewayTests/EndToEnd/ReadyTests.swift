import GatewayTestSupport
import Logging
import Sluice
import SluiceGateway
import SluiceTesting
import Testing

extension EndToEnd {
    /// What waits for a gateway hears why there is none.
    struct ReadyTests {
        private let directory: TemporaryDirectory

        init() throws {
            directory = try TemporaryDirectory()
        }

        enum Address: CaseIterable { case webhooks, metrics }

        /// Both orders: who waits before it runs, and who asks when it is over.
        @Test(arguments: Address.allCases)
        func anAddressThatIsTakenIsWhatRunAndReadyThrow(_ address: Address) async throws {
            let taken = try TestHTTPServer { _ in .status(503) }
            defer { taken.stop() }
            let port = taken.port
            var configuration = testConfiguration(in: directory, grafana: nil, slack: nil)
            switch address {
            case .webhooks: configuration.bindAddress = BindAddress(host: "127.0.0.1", port: port)
            case .metrics: configuration.metricsBindAddress = BindAddress(host: "127.0.0.1", port: port)
            }
            let log = LogRecorder()
            let gateway = try Gateway(configuration, logger: log.logger(at: .info))
            async let waiting = outcome { try await gateway.ready() }
            let cause = await outcome { try await gateway.run() }
            #expect(cause.contains("cannot listen on 127.0.0.1:\(port)"))
            #expect(await waiting == cause)
            #expect(await outcome { try await gateway.ready() } == cause)
            // What is thrown is said by who catches it, once; the other listener, which ends with it, has nothing to add.
            #expect(log.entries.filter { $0.level >= .error }.isEmpty, "\(log.text)")
        }

        @Test func whoIsCancelledWaitsNoLonger() async throws {
            let gateway = try Gateway(testConfiguration(in: directory, grafana: nil, slack: nil))
            let waiting = Task { try await gateway.ready() }
            waiting.cancel()
            await #expect(throws: CancellationError.self) { try await waiting.value }
            await gateway.close()
        }

        @Test func afterItsEndItSaysThatItIsClosed() async throws {
            let gateway = try Gateway(testConfiguration(in: directory, grafana: nil, slack: nil))
            await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await gateway.run() }
                group.addTask {
                    try await gateway.ready()
                    // Ready again, at once.
                    try await gateway.ready()
                }
                // The gateway goes on; the other has seen it ready.
                _ = try? await group.next()
                group.cancelAll()
            }
            await #expect(throws: (any Error).self) { try await gateway.ready() }
        }

        private func outcome(_ body: () async throws -> Void) async -> String {
            do {
                try await body()
                return "none"
            } catch {
                return "\(error)"
            }
        }
    }
}
