import Foundation
import SluiceHTTP

/// What the system lets the process have. Too little of it ends the program in the middle of something, by a signal,
/// because neither threads nor memory can be refused to those who ask for them: so it is looked at before the start.
public enum ProcessLimits {
    private static let mebibyte: UInt64 = 1 << 20

    /// Less than this does not even get as far as ``prepare(for:)``: threads of the runtime cannot be made.
    private static let floor: (openFiles: Int, addressSpace: UInt64) = (16, 384 * mebibyte)

    /// Ends the program with one line where it could not go on in order. To be called before anything else.
    public static func refuseTooLittle() {
        var problem: String?
        if let openFiles = OpenFiles.raiseLimit(), openFiles < floor.openFiles {
            problem = "the limit on open files is \(openFiles): expected at least \(floor.openFiles) (ulimit -n)"
        } else if let space = addressSpace(), space < floor.addressSpace {
            problem =
                "the limit on address space is \(space / mebibyte) MiB: expected at least "
                + "\(neededAddressSpace(for: GatewayConfiguration()) / mebibyte) MiB (ulimit -v)"
        }
        guard let problem else { return }
        FileHandle.standardError.write(Data("\(problem)\n".utf8))
        exit(EnvironmentError.exitStatus)
    }

    /// Raises the limit on descriptors as far as it goes, and has NIO make do with it. To be called once, before anything
    /// is opened.
    /// - Throws: ``EnvironmentError`` when descriptors or address space do not suffice.
    public static func prepare(for configuration: GatewayConfiguration) throws(EnvironmentError) {
        var problems: [String] = []
        let openFiles = OpenFiles.raiseLimit()
        if let openFiles {
            EventLoops.prepare(openFiles: openFiles)
            let needed = ConnectionBudget(openFiles: openFiles, for: configuration).needed
            if openFiles < needed {
                problems.append(
                    "the limit on open files is \(openFiles): expected at least \(needed) "
                        + "(ulimit -n, systemd's LimitNOFILE, docker's --ulimit nofile)")
            }
        }
        if let space = addressSpace() {
            let needed = neededAddressSpace(for: configuration)
            if space < needed {
                problems.append(
                    "the limit on address space is \(space / mebibyte) MiB: expected at least \(needed / mebibyte) MiB "
                        + "(ulimit -v, systemd's LimitAS); to limit memory, limit what is resident")
            }
        }
        if !problems.isEmpty { throw EnvironmentError(problems: problems) }
    }

    /// Stacks of threads, and what the allocator sets apart: both are address space, and hardly memory.
    static func neededAddressSpace(
        for configuration: GatewayConfiguration, cores: Int = ProcessInfo.processInfo.processorCount
    ) -> UInt64 {
        let threads: UInt64 = 64 * UInt64(max(1, cores)) * mebibyte
        return 1_024 * mebibyte + threads + (configuration.kafka == nil ? 0 : 1_024 * mebibyte)
    }

    /// Nil where there is no limit.
    private static func addressSpace() -> UInt64? {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0, limit.rlim_cur < rlim_t(Int64.max)
        else { return nil }
        return UInt64(limit.rlim_cur)
    }
}
