import Sluice
import SluiceSQLite

/// The statuses with which commands end: 0 fine, 1 failed or differs, 64 usage, and these. A program of its own ends with them by
/// ``exitOnError(_:)``.
public enum ExitStatus {
    /// No gateway runs that the command could ask.
    public static let noGateway: Int32 = 2
    /// EX_CANTCREAT: a file or directory cannot be made or written.
    public static let cannotWrite: Int32 = 73
    /// EX_CONFIG: the configuration, or a file, is at fault; to start again does not mend it.
    public static let faultyFile = EnvironmentError.exitStatus

    /// What a command ends with that fails with this error.
    /// - Parameter isOurFile: whether a log's file is the gateway's own. Where a person named it, a file of another program is
    ///   a mistaken name (1) and not a faulty file.
    public static func of(_ error: any Error, isOurFile: Bool = true) -> Int32 {
        switch error {
        case let error as SQLiteLogError: status(of: error, isOurFile)
        case let error as DeploymentLedgerError: error.isOfNewerVersion ? faultyFile : 1
        case is EnvironmentError, is ConfigurationError: faultyFile
        case is DataDirectoryError: cannotWrite
        case is NoGatewayError: noGateway
        case let error as CommandError:
            error.code == .cannotWrite ? cannotWrite : error.code == .faultyFile ? faultyFile : 1
        case let error as ToolError: error.exitStatus
        case is FileFaults: faultyFile
        default: 1
        }
    }

    private static func status(of error: SQLiteLogError, _ isOurFile: Bool) -> Int32 {
        switch error.code {
        case .newerSchema, .corrupt: faultyFile
        case .notALog: isOurFile ? faultyFile : 1
        case .readOnly, .targetExists, .diskFull: cannotWrite
        default: 1
        }
    }
}
