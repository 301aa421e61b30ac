import Foundation
import Testing

/// A file system of 4 MiB in memory that can be filled. Mounting takes root: elsewhere the test is skipped visibly.
package final class SmallDisk: Sendable {
    package let directory: TemporaryDirectory
    private let path: String

    package init() async throws {
        directory = try TemporaryDirectory()
        path = directory.path
        try await Self.mount(path)
    }

    deinit {
        _ = toolSucceeds(["umount", "-l", path])
    }

    private static func mount(_ path: String) async throws {
        let mount = try await runTool(
            ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", path], in: TemporaryDirectory())
        guard mount.status == 0 else { try Test.cancel("a tmpfs cannot be mounted here: \(mount.output)") }
    }

    package func fill() async throws {
        _ = try await runTool(["dd", "if=/dev/zero", "of=\(path)/filler", "bs=4k"], in: TemporaryDirectory())
    }

    package func free() throws {
        try FileManager.default.removeItem(atPath: "\(path)/filler")
    }
}
