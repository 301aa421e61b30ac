public import Foundation
public import Sluice
import Synchronization

/// A Pub/Sub over files: each topic is a file of JSON lines, and each group of readers a file of what it has settled.
///
/// ```swift
/// let broker = try FileBroker(directory: URL(filePath: "queue"))
/// try router.add(Route("r", from: broker.subscriber(group: "g"), "in", to: broker.publisher(), "out") { … })
/// ```
///
/// It is an example of an adapter, small enough to read: one process may use a directory, and nothing is ever deleted.
public final class FileBroker: Sendable {
    private let directory: URL
    private let topics = Mutex<[Topic: FileTopic]>([:])

    /// - Parameter directory: made where it is missing.
    public init(directory: URL) throws {
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        self.directory = directory
    }

    public func publisher() -> FilePublisher { FilePublisher(self) }

    /// - Parameters:
    ///   - group: who shares the topic's messages. A new group begins at the topic's beginning.
    ///   - capacity: how many messages a subscription holds. Default 256.
    public func subscriber(group: String, capacity: Int = 256) -> FileSubscriber {
        FileSubscriber(self, group: group, capacity: capacity)
    }

    func topic(_ name: Topic) throws -> FileTopic {
        try topics.withLock { topics in
            if let known = topics[name] { return known }
            let made = try FileTopic(directory.appending(path: Self.fileName(name.name)))
            topics[name] = made
            return made
        }
    }

    /// Any name as one of a file.
    static func fileName(_ name: String) -> String {
        "t-" + name.utf8.map { String($0, radix: 16) }.joined(separator: "-")
    }
}
