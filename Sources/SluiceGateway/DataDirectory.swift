import Foundation

/// The directory that holds everything the gateway keeps.
struct DataDirectory: Sendable {
    /// The durable log.
    let log: String
    /// What is known of deployments.
    let deployments: String
    /// What was attempted.
    let journal: String
    /// What is not as it should be, a line each; to be logged.
    let warnings: [String]

    /// Makes it when it is missing, for its owner alone, and has the files in it for their owner alone. The mode of a
    /// directory that exists is left as it is, since its mode may have been set on purpose.
    /// - Parameter name: of the setting that says where it is.
    init(_ path: String, named name: String = ProcessOptions.data.variable.name) throws {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw DataDirectoryError(path: path, name: name)
        }
        log = Self.logFile(in: path)
        deployments = "\(path)/\(Self.deploymentsName)"
        journal = "\(path)/\(JournalFile.name)"
        var warnings: [String] = []
        if let mode = Self.mode(of: path), mode & 0o077 != 0 {
            let who = mode & 0o022 != 0 ? "changed" : "read"
            warnings.append(
                "\(name): \(path) can be \(who) by other users (mode 0\(String(mode, radix: 8))); chmod 700 mends it"
            )
        }
        // SQLite gives its other files the mode of the database.
        close(open(deployments, O_RDWR | O_CREAT | O_CLOEXEC, 0o600))
        for base in [log, deployments, journal] {
            for suffix in ["", "-wal", "-shm", "-owners"] {
                let file = base + suffix
                guard let mode = Self.mode(of: file), mode & 0o077 != 0, chmod(file, mode & 0o700) != 0 else {
                    continue
                }
                warnings.append("\(name): \(file) can be read by other users, and its mode cannot be changed")
            }
        }
        self.warnings = warnings
    }

    /// The permissions, or nil when there is no such file.
    private static func mode(of path: String) -> mode_t? {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & 0o7777 : nil
    }
}

extension DataDirectory {
    /// The log's file in a data directory.
    static let logName = "events.sqlite"
    /// The file of deployments in a data directory.
    static let deploymentsName = "deployments.sqlite"

    private static func logFile(in directory: String) -> String { "\(directory)/\(logName)" }

    /// The log of a data directory, or `path` itself when it is no directory.
    static func logFile(at path: String) -> String {
        var isDirectory: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
        return exists && isDirectory.boolValue ? logFile(in: path) : path
    }
}

/// The data directory cannot be used.
struct DataDirectoryError: Error, CustomStringConvertible {
    let path: String
    /// Of the setting that says where it is.
    let name: String

    var description: String { "\(name): \(path) cannot be made, or is not a directory" }
}
