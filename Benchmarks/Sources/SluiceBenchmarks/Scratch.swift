import Foundation
import Synchronization

/// A directory that goes with its owner; below the current one, because `/tmp` may be memory and know no fsync.
final class Scratch: Sendable {
    let url: URL

    init() throws {
        url = URL(fileURLWithPath: FileManager.default.currentDirectoryPath)
            .appendingPathComponent(".build-bench-data-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(at: url)
    }

    func path(_ name: String) -> String { url.appendingPathComponent(name).path }
}

/// Counts up.
final class Counted: Sendable {
    private let count = Atomic<Int>(0)

    func add() -> Int { count.wrappingAdd(1, ordering: .relaxed).newValue }
}
