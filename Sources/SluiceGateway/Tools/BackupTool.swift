import Foundation
import SluiceSQLite

/// `sluice backup`: copies what a gateway keeps, also while it runs.
public struct BackupTool: Sendable {
    /// A file that was written.
    public struct Copy: Sendable, Equatable {
        public let path: String
        public let bytes: Int64
    }

    private let directory: String

    /// - Parameter directory: the data directory.
    public init(directory: String) {
        self.directory = directory
    }

    /// Copies each file as it is at one moment.
    ///
    /// The log comes first: the ledger is derived from it. What the ledger knows and the copied log has yet to deliver is
    /// recognised when it is delivered; the other way round it would be missing.
    /// - Parameter target: a directory that is missing or empty; made for its owner alone.
    /// - Throws: ``ToolError``, `SQLiteLogError`; what was copied so far is removed.
    public func run(to target: String) throws -> [Copy] {
        let names = try files()
        let isNew = try prepare(target)
        var made: [Copy] = []
        do {
            for name in names {
                let path = "\(target)/\(name)"
                let bar = ProgressBar("copying \(name)", unit: .bytes)
                let bytes = try SQLiteFileCopy(from: "\(directory)/\(name)", to: path).run { done, total in
                    bar.update(done, of: total)
                }
                bar.finish()
                made.append(Copy(path: path, bytes: bytes))
            }
            try SQLiteFileCopy.synchronize(directory: target)
            return made
        } catch {
            for copy in made { try? FileManager.default.removeItem(atPath: copy.path) }
            if isNew { try? FileManager.default.removeItem(atPath: target) }
            throw error
        }
    }

    private func files() throws(ToolError) -> [String] {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        let log = DataDirectory.logName
        guard all.contains(log) else { throw ToolError("\(directory): there is no log of a gateway (\(log))") }
        // The journal says what was; nothing is made of it, and it may be large.
        return [log] + all.filter { $0.hasSuffix(".sqlite") && $0 != log && $0 != JournalFile.name }.sorted()
    }

    /// - Returns: whether the directory was made.
    private func prepare(_ target: String) throws(ToolError) -> Bool {
        let manager = FileManager.default
        guard manager.fileExists(atPath: target) else {
            do {
                try manager.createDirectory(
                    atPath: target, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
                return true
            } catch {
                throw ToolError("\(target): the directory cannot be made", exitStatus: ExitStatus.cannotWrite)
            }
        }
        guard let content = try? manager.contentsOfDirectory(atPath: target) else {
            throw ToolError(
                "\(target): it is not a directory, or may not be read", exitStatus: ExitStatus.cannotWrite)
        }
        guard content.isEmpty else {
            throw ToolError(
                "\(target): it is not empty; a backup replaces nothing", exitStatus: ExitStatus.cannotWrite)
        }
        return false
    }
}
