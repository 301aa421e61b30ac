import Crypto
import Foundation
import Sluice
import SluiceGateway

/// A commit of a made-up push.
package struct StubCommit: Sendable {
    package var id = StubCommit.randomHash()
    package var message = "Fix the leak"
    package var author = "johndoe"
    package var time = "2026-01-02T03:04:05Z"

    package init() {}

    package static func randomHash() -> String {
        (0..<40).map { _ in String("0123456789abcdef".randomElement() ?? "0") }.joined()
    }
}

package enum Stub {
    package static let repository = "octo/hello"

    /// The body of GitHub's webhook `push`.
    package static func push(_ commits: [StubCommit], repository: String = repository) -> [UInt8] {
        let object: [String: Any] = [
            "ref": "refs/heads/main", "before": StubCommit.randomHash(), "after": commits.last?.id ?? "",
            "created": false, "deleted": false, "forced": false,
            "repository": ["name": String(repository.split(separator: "/").last ?? ""), "full_name": repository],
            "commits": commits.map { commit -> [String: Any] in
                [
                    "id": commit.id, "message": commit.message, "timestamp": commit.time,
                    "url": "https://github.com/\(repository)/commit/\(commit.id)",
                    "author": ["name": "John Doe", "username": commit.author],
                ]
            },
        ]
        return Array((try? JSONSerialization.data(withJSONObject: object)) ?? Data())
    }

    /// The header that GitHub signs a body with.
    package static func signature(_ body: [UInt8], _ secret: String) -> String {
        let code = HMAC<SHA256>.authenticationCode(for: body, using: SymmetricKey(data: Array(secret.utf8)))
        return "sha256=" + code.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// The tag by which the annotation of a pushed commit is found.
    package static func tag(_ commit: String, repository: String = repository) -> String {
        let event = Event.commitPushed(
            CommitPushed(
                id: commit, message: "", author: "", occurredOn: Timestamp(millisecondsSince1970: 0),
                repository: repository))
        return "event:\(event.messageID)"
    }
}

/// A directory of a test's own, gone with it.
package final class TemporaryDirectory: Sendable {
    package let path: String

    package init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-test-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
