import Foundation
import Sluice
import SluiceHTTP
import SluiceTesting

@testable import SluiceGateway

/// Events and a receiver for the tests of the sink of the kind `http`.
enum HTTPSinkFixture {
    static let commit = "6113728f27ae82c7b1a177c8d03f9e96e0adf246"
    static let time = Timestamp(millisecondsSince1970: 1_767_323_045_678)

    static func push(
        message: String = "Fix the leak\n\nIt was small.", author: String = "ann", repository: String? = "acme/shop",
        ref: String? = "refs/heads/main", url: String? = "https://git.example.org/c/1"
    ) -> SinkDelivery {
        SinkDelivery(
            .commitPushed(
                CommitPushed(
                    id: commit, message: message, author: author, occurredOn: time, repository: repository, ref: ref,
                    url: url)))
    }

    static func deployed(
        to env: String = "production", service: String? = "web", repository: String? = "acme/shop"
    ) -> SinkDelivery {
        SinkDelivery(
            .commitDeployed(
                Deployment(id: commit, env: env, occurredOn: time, service: service, repository: repository)))
    }

    static func failed(in env: String = "production", service: String? = "web") -> SinkDelivery {
        SinkDelivery(
            .deploymentFailed(
                Deployment(id: commit, env: env, occurredOn: time, service: service, repository: "acme/shop")))
    }

    /// How a delivery ends: nil when the sink returned.
    static func outcome(of sink: any Sink, _ delivery: SinkDelivery) async -> (any DispositionError)? {
        do {
            try await sink.deliver(delivery)
            return nil
        } catch {
            return error as? any DispositionError
                ?? HandlerError("\(error)", reason: "unexpected", disposition: .discard("unexpected"))
        }
    }
}

/// A sink between a client and a server of its own.
func withHTTPSink<Result>(
    _ options: (TestHTTPServer) -> HTTPSinkOptions, proxy: HTTPClient.Proxy = .none,
    respond: @escaping @Sendable (TestHTTPServer.Request) -> TestHTTPServer.Reply = { _ in .status(200) },
    _ body: (any Sink, TestHTTPServer) async throws -> Result
) async throws -> Result {
    let server = try TestHTTPServer(respond: respond)
    defer { server.stop() }
    let client = try HTTPClient(.init(proxy: proxy))
    do {
        let sink = try options(server).makeSink(SinkParts(name: "receiver", hold: .seconds(7), client: client))
        let result = try await body(sink, server)
        await client.close(within: .zero)
        return result
    } catch {
        await client.close(within: .zero)
        throw error
    }
}

extension TestHTTPServer.Request {
    /// The body as JSON, by Foundation's parser.
    var json: [String: Any] { (try? JSONSerialization.jsonObject(with: Data(body)) as? [String: Any]) ?? [:] }
}
