import Foundation
package import SluiceTesting
import Synchronization

/// What a fake sink does about a request.
package enum FakeAction: Sendable {
    /// What the real one does.
    case ordinary
    /// This answer, and nothing else happens.
    case reply(TestHTTPServer.Reply)
    /// It takes what it is given, and answers this.
    case take(TestHTTPServer.Reply)

    package static func status(_ status: Int, headers: KeyValuePairs<String, String> = [:], body: String = "")
        -> FakeAction
    {
        .reply(.status(status, headers: headers, body: body))
    }
}

package typealias FakeScript = @Sendable (TestHTTPServer.Request) -> FakeAction

/// A server that can be taken down, brought back on the same port, and told to misbehave.
package class FakeSink: @unchecked Sendable {  // subclasses and this one keep their state in mutexes
    /// While it is down, nothing else is given its port.
    private let held: HeldPort
    private let server = Mutex<TestHTTPServer?>(nil)
    private let script = Mutex(Script { _ in .ordinary })

    /// A function of its own in a mutex would get another layer at each access.
    private struct Script {
        let run: FakeScript

        init(_ run: @escaping FakeScript) {
            self.run = run
        }
    }

    package init() throws {
        held = try HeldPort()
        let first = try TestHTTPServer(port: held.number) { _ in .status(503) }
        server.withLock { $0 = first }
        install(in: first)
    }

    deinit { goDown() }

    package var port: UInt16 { held.number }
    package var url: String { "http://127.0.0.1:\(port)" }

    /// From the next request on. `.ordinary` is how it begins.
    package func behave(_ script: @escaping FakeScript) {
        self.script.withLock { $0 = Script(script) }
    }

    /// Connections are cut, and further ones refused.
    package func goDown() {
        server.withLock { server in
            server?.stop()
            server = nil
        }
    }

    package func comeBack() throws {
        let next = try TestHTTPServer(port: port) { _ in .status(503) }
        install(in: next)
        server.withLock { $0 = next }
    }

    /// What the server was asked since it came (back).
    package var requests: [TestHTTPServer.Request] { server.withLock { $0?.requests ?? [] } }

    private func install(in server: TestHTTPServer) {
        server.respond { [weak self] request in
            guard let self else { return .fault(.close) }
            switch self.script.withLock({ $0 }).run(request) {
            case .ordinary: return self.take(request)
            case .reply(let reply): return reply
            case .take(let reply):
                _ = self.take(request)
                return reply
            }
        }
    }

    /// What the real one does with the request.
    package func take(_ request: TestHTTPServer.Request) -> TestHTTPServer.Reply { .status(200) }
}

/// Grafana, as far as the gateway knows it: it stores annotations and finds them by their tags.
package final class FakeGrafana: FakeSink, @unchecked Sendable {
    package static let user = "gateway"
    package static let password = "pass:word-of-grafana"

    package struct Annotation: Sendable, Hashable {
        package let time: Int64
        package let timeEnd: Int64
        package let tags: [String]
        package let text: String

        package init(time: Int64, timeEnd: Int64, tags: [String], text: String) {
            self.time = time
            self.timeEnd = timeEnd
            self.tags = tags
            self.text = text
        }
    }

    /// Kept so that neither a search nor a test that waits looks at every annotation each time.
    private struct Store {
        var annotations: [Annotation] = []
        var indices: [String: [Int]] = [:]
        var pushes: [String: Int] = [:]

        mutating func append(_ annotation: Annotation) {
            for tag in Set(annotation.tags) { indices[tag, default: []].append(annotations.count) }
            annotations.append(annotation)
            let words = annotation.text.split(separator: " ")
            if words.count > 2, words[2] == "pushed" { pushes[String(words[1]), default: 0] += 1 }
        }

        /// The first that have all the tags.
        func find(_ tags: [String], limit: Int) -> [Annotation] {
            let rarest = tags.map { indices[$0] ?? [] }.min { $0.count < $1.count } ?? Array(annotations.indices)
            let found = rarest.lazy.map { annotations[$0] }.filter { tags.allSatisfy($0.tags.contains) }
            return Array(found.prefix(limit))
        }
    }

    private let stored = Mutex(Store())

    package var annotations: [Annotation] { stored.withLock(\.annotations) }

    /// How many annotations speak of each commit's push.
    package var pushes: [String: Int] { stored.withLock(\.pushes) }

    package override func take(_ request: TestHTTPServer.Request) -> TestHTTPServer.Reply {
        let basic = Data("\(Self.user):\(Self.password)".utf8).base64EncodedString()
        guard request["Authorization"] == "Basic \(basic)" else { return .status(401, body: #"{"message":"no"}"#) }
        guard request.path == "/api/annotations" else { return .status(404, body: "{}") }
        switch request.method {
        case "GET": return search(request)
        case "POST": return store(request)
        default: return .status(405)
        }
    }

    private func store(_ request: TestHTTPServer.Request) -> TestHTTPServer.Reply {
        guard let object = try? JSONSerialization.jsonObject(with: Data(request.body)) as? [String: Any],
            let text = object["text"] as? String, let tags = object["tags"] as? [String],
            let time = object["time"] as? NSNumber, let end = object["timeEnd"] as? NSNumber
        else { return .status(400, body: #"{"message":"bad request data"}"#) }
        let annotation = Annotation(time: time.int64Value, timeEnd: end.int64Value, tags: tags, text: text)
        let count = stored.withLock { stored in
            stored.append(annotation)
            return stored.annotations.count
        }
        return .status(200, body: #"{"id":\#(count),"message":"Annotation added"}"#)
    }

    private func search(_ request: TestHTTPServer.Request) -> TestHTTPServer.Reply {
        let items = URLComponents(string: request.target)?.queryItems ?? []
        let wanted = items.filter { $0.name == "tags" }.compactMap(\.value)
        let limit = items.first { $0.name == "limit" }.flatMap { $0.value.flatMap { Int($0) } } ?? 100
        let found = stored.withLock { $0.find(wanted, limit: limit) }
        let answer = found.enumerated().map { index, annotation -> [String: Any] in
            ["id": index, "time": annotation.time, "tags": annotation.tags, "text": annotation.text]
        }
        let body = (try? JSONSerialization.data(withJSONObject: answer)) ?? Data("[]".utf8)
        return TestHTTPServer.Reply(headers: ["Content-Type": "application/json"], body: Array(body))
    }
}
