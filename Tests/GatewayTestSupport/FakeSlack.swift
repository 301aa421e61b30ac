import Foundation
package import SluiceTesting
import Synchronization

/// A Slack incoming webhook: it stores the texts it is given.
package final class FakeSlack: FakeSink, @unchecked Sendable {
    /// Part of the address, which is a secret.
    package static let path = "/services/T0000/B0000/secret-of-slack"

    package struct Post: Sendable {
        package let text: String
        package let body: String
    }

    private struct Store {
        var posts: [Post] = []
        /// Kept so that a test that waits does not read every text each time.
        var pushes: [String: Int] = [:]

        mutating func append(_ post: Post) {
            posts.append(post)
            let isDigest = post.text.contains(" commits")
            guard isDigest || post.text.contains("*pushed*") else { return }
            for line in post.text.split(separator: "\n") where !isDigest || line.hasPrefix("• `") {
                let parts = line.split(separator: "`")
                if parts.count > 1 { pushes[String(parts[1]), default: 0] += 1 }
            }
        }
    }

    private let stored = Mutex(Store())

    package var posts: [Post] { stored.withLock(\.posts) }
    package var texts: [String] { posts.map(\.text) }

    /// How many messages speak of each commit's push.
    package var pushes: [String: Int] { stored.withLock(\.pushes) }

    package override func take(_ request: TestHTTPServer.Request) -> TestHTTPServer.Reply {
        guard request.method == "POST", request.path == Self.path else { return .status(404, body: "no_service") }
        guard let object = try? JSONSerialization.jsonObject(with: Data(request.body)) as? [String: Any],
            let text = object["text"] as? String
        else { return .status(400, body: "invalid_payload") }
        stored.withLock { $0.append(Post(text: text, body: request.text)) }
        return .status(200, body: "ok")
    }
}
