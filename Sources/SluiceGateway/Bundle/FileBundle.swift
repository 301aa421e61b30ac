import CBundle

/// Files that the program carries inside, so that the program alone is enough to have them.
public struct FileBundle: Sendable {
    /// A file by its path within the bundle.
    public struct File: Sendable, Hashable {
        /// Relative to the bundle, with `/` between its parts.
        public let path: String
        public let bytes: [UInt8]
    }

    /// In the order of their paths.
    public let files: [File]

    init(_ files: [File]) {
        self.files = files
    }

    /// Grafana's dashboards, and the files that provision them.
    public static let dashboards = FileBundle(ofFolder: "dashboards")
    /// Prometheus' configuration, recording and alerting rules, and the runbook that the alerts lead to.
    public static let rules = FileBundle(ofFolder: "prometheus")

    private init(ofFolder folder: String) {
        let all = UnsafeBufferPointer(start: sluice_bundled_files(), count: sluice_bundled_file_count())
        files = all.compactMap { file in
            let path = String(cString: file.path)
            guard path.hasPrefix(folder + "/") else { return nil }
            return File(
                path: String(path.dropFirst(folder.count + 1)),
                bytes: Array(UnsafeBufferPointer(start: file.bytes, count: file.size)))
        }
    }
}
