import Testing

/// A file system of 4 MiB in memory that can be filled. Mounting takes root: elsewhere the test is skipped visibly.
package final class SmallDisk: Sendable {
    package let directory: TemporaryDirectory
    private let path: String

    package init() throws {
        directory = try TemporaryDirectory()
        path = directory.path
        let mount = try runTool(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", path], in: TemporaryDirectory())
        guard mount.status == 0 else { try Test.cancel("a tmpfs cannot be mounted here: \(mount.output)") }
    }

    deinit {
        _ = try? runTool(["umount", "-l", path], in: TemporaryDirectory())
    }

    package func fill() throws {
        _ = try runTool(["dd", "if=/dev/zero", "of=\(path)/filler", "bs=4k"], in: TemporaryDirectory())
    }

    package func free() throws {
        _ = try runTool(["rm", "\(path)/filler"], in: TemporaryDirectory())
    }
}
