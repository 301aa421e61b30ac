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

    /// What each status means, for the documentation and `--help`.
    public static let meanings: [(status: String, meaning: String)] = [
        ("0", "it is done; what was asked for is so"),
        ("1", "it failed, or something differs, is not ready or is not as expected"),
        ("\(noGateway)", "no gateway runs that could be asked"),
        ("64", "an argument cannot be used; nothing was done"),
        ("\(cannotWrite)", "a file or directory cannot be made or written"),
        ("\(faultyFile)", "the configuration, or a file, is at fault; to start again does not mend it"),
        ("128+n", "signal n ended it: 130 after a second SIGINT or SIGTERM, 141 where standard output was closed"),
    ]

    /// The same as a table for a terminal.
    public static var helpText: String {
        meanings.map { status, meaning in
            "  \(status)\(String(repeating: " ", count: max(0, 7 - status.count)))\(meaning)"
        }.joined(separator: "\n")
    }

    /// What a command ends with that fails with this error.
    /// - Parameters:
    ///   - error: what ended the command.
    ///   - isOurFile: whether a log's file is the gateway's own. Where a person named it, a file of another program is
    ///     a mistaken name (1) and not a faulty file.
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
