import Foundation

extension FileBundle {
    /// What happened to a file.
    public enum Outcome: String, Sendable {
        case written, replaced, unchanged
    }

    /// Writes every file, and makes the directories that are missing.
    ///
    /// A file that is there with other content is a person's work: unless `force`, nothing at all is written then. Each
    /// file appears whole, so that a program which watches the directory never reads half of one.
    /// - Returns: what happened to each file, in the bundle's order.
    /// - Throws: ``BundleError``.
    public func write(to directory: String, force: Bool = false) throws(BundleError) -> [(path: String, Outcome)] {
        var plan: [(file: File, path: String, outcome: Outcome)] = []
        for file in files {
            let path = "\(directory)/\(file.path)"
            plan.append((file, path, try Self.outcome(of: file, at: path)))
        }
        let different = plan.filter { $0.outcome == .replaced }.map(\.path)
        guard force || different.isEmpty else { throw BundleError(.differs, different) }
        for (file, path, outcome) in plan where outcome != .unchanged { try Self.write(file, to: path) }
        return plan.map { ($0.path, $0.outcome) }
    }

    private static func outcome(of file: File, at path: String) throws(BundleError) -> Outcome {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else { return .written }
        guard !isDirectory.boolValue, let data = try? Data(contentsOf: URL(fileURLWithPath: path)) else {
            throw BundleError(.unusable, [path])
        }
        return data.elementsEqual(file.bytes) ? .unchanged : .replaced
    }

    private static func write(_ file: File, to path: String) throws(BundleError) {
        let url = URL(fileURLWithPath: path)
        do {
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(file.bytes).write(to: url, options: .atomic)
        } catch {
            throw BundleError(.unusable, [path])
        }
    }
}

/// Why a bundle's files were not written.
public struct BundleError: Error, Hashable, CustomStringConvertible {
    /// What kind of failure it is.
    public struct Code: Sendable, Hashable {
        private let word: String

        /// Files are there with other content; nothing was written.
        public static let differs = Code(word: "differs")
        /// A file or directory cannot be read or written.
        public static let unusable = Code(word: "unusable")
    }

    public let code: Code
    public let paths: [String]

    init(_ code: Code, _ paths: [String]) {
        self.code = code
        self.paths = paths
    }

    /// 1, or ``ExitStatus/cannotWrite`` where the system refused.
    public var exitStatus: Int32 { code == .differs ? 1 : ExitStatus.cannotWrite }

    public var description: String {
        let paths = paths.joined(separator: ", ")
        return code == .differs
            ? "nothing written, because these differ from what would be written (--force replaces them): \(paths)"
            : "cannot be read or written: \(paths)"
    }
}
