import Sluice
import SluiceHTTP
import SluiceTesting
import Testing

/// Every value out of its range is refused where it is configured, by an error that names its field.
struct WrongValueTests {
    @Test func aListenerRefusesWhatItCannotHave() {
        let wrong: [WrongValue<HTTPListener.Configuration>] = [
            .init("host") { $0.host = "" }, .init("port") { $0.port = -1 }, .init("port") { $0.port = 65_536 },
            .init("maxBodyBytes") { $0.maxBodyBytes = -1 }, .init("maxBodyBytes") { $0.maxBodyBytes = 1 << 31 },
            .init("maxHeaderBytes") { $0.maxHeaderBytes = 255 }, .init("maxHeaders") { $0.maxHeaders = 0 },
            .init("maxConcurrentRequests") { $0.maxConcurrentRequests = 0 },
            .init("maxConnections") { $0.maxConnections = 0 }, .init("spareConnections") { $0.spareConnections = 0 },
            .init("maxBufferedBytes") { $0.maxBufferedBytes = $0.maxBodyBytes - 1 },
            .init("requestTimeout") { $0.requestTimeout = .zero }, .init("idleTimeout") { $0.idleTimeout = .zero },
            .init("drainLinger") { $0.drainLinger = .milliseconds(-1) },
        ]
        #expect(
            WrongValue.problems(with: wrong, in: .init(), of: "HTTPListener") {
                _ = try HTTPListener(configuration: $0)
            } == [])
    }

    @Test func anEndpointRefusesWhatItCannotHave() {
        let wrong: [WrongValue<HTTPEndpoint>] = [
            .init("path") { $0.path = "in" }, .init("path") { $0.path = "" },
            .init("aliases[0]") { $0.aliases = ["x"] },
            .init("method") { $0.method = "" },
            .init("maxBodyBytes") { $0.maxBodyBytes = -1 }, .init("maxInflatedBytes") { $0.maxInflatedBytes = -1 },
            .init("answerTimeout") { $0.answerTimeout = .zero }, .init("capacity") { $0.capacity = 0 },
            .init("retryAfter") { $0.retryAfter = .milliseconds(999) },
        ]
        let free: Set = ["contentTypes", "requiresContentType", "authenticator", "format"]
        #expect(
            WrongValue.problems(with: wrong, in: .init("/in"), of: "HTTPEndpoint", free: free) {
                _ = try HTTPSubscriber(listener: HTTPListener(), endpoints: [$0])
            } == [])
        #expect(throws: ConfigurationError("HTTPSubscriber.concurrency", expected: "at least 1", value: "0")) {
            try HTTPSubscriber(listener: HTTPListener(), endpoints: [], concurrency: 0)
        }
    }

    @Test func aClientRefusesWhatItCannotHave() {
        let wrong: [WrongValue<HTTPClient.Configuration>] = [
            .init("connectTimeout") { $0.connectTimeout = .zero }, .init("totalTimeout") { $0.totalTimeout = .zero },
            .init("closeTimeout") { $0.closeTimeout = .seconds(-1) },
            .init("limitPerHost") { $0.limitPerHost = 0 }, .init("limitPerHost") { $0.limitPerHost = 65_536 },
            .init("limit") { $0.limit = 0 }, .init("limit") { $0.limit = 65_536 },
            .init("maximumBodySize") { $0.maximumBodySize = -1 },
            .init("maximumHeaderSize") { $0.maximumHeaderSize = 255 },
            .init("keepAliveInterval") { $0.keepAliveInterval = .milliseconds(999) },
            .init("trustedCertificates") { $0.trustedCertificates = "/nowhere.pem" },
            .init("additionalCertificates") { $0.additionalCertificates = "/nowhere.pem" },
            .init("proxy") { $0.proxy = .environment(["all_proxy": "http://a\nb"]) },
            .init("userAgent") { $0.userAgent = "a\r\nb" },
        ]
        #expect(
            WrongValue.problems(with: wrong, in: .init(), of: "HTTPClient", free: ["observe", "tracer"]) {
                _ = try HTTPClient($0)
            } == [])
    }

    @Test func aPublisherRefusesWhatItCannotHave() async throws {
        let client = try HTTPClient()
        let wrong: [WrongValue<HTTPPublisher.Configuration>] = [.init("concurrency") { $0.concurrency = 0 }]
        #expect(
            WrongValue.problems(with: wrong, in: .init(), of: "HTTPPublisher", free: ["classify", "closesClient"]) {
                _ = try HTTPPublisher(client: client, configuration: $0)
            } == [])
        await client.close()
    }
}
