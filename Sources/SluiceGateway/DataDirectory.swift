import Foundation

/// The directory that holds everything the gateway keeps.
struct DataDirectory: Sendable {
    /// The durable log.
    let log: String
    /// What is known of deployments.
    let deployments: String

    /// Makes it when it is missing, for its owner alone.
    init(_ path: String) throws {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw DataDirectoryError(path: path)
        }
        log = Self.logFile(in: path)
        deployments = "\(path)/deployments.sqlite"
    }
}

extension DataDirectory {
    /// The log's file in a data directory.
    static let logName = "events.sqlite"

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

    var description: String { "SLUICE_DATA: \(path) cannot be made, or is not a directory" }
}
