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
        log = "\(path)/events.sqlite"
        deployments = "\(path)/deployments.sqlite"
    }
}

/// The data directory cannot be used.
struct DataDirectoryError: Error, CustomStringConvertible {
    let path: String

    var description: String { "SLUICE_DATA: \(path) cannot be made, or is not a directory" }
}
