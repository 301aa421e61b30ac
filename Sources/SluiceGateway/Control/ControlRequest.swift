import Sluice

/// What a command asks of a running gateway: one line of JSON, such as
/// `{"version":1,"command":"sinks.pause","sink":"console"}`.
struct ControlRequest: Sendable, Equatable {
    /// The only version of the protocol so far.
    static let version: Int64 = 1

    /// What can be asked for.
    enum Command: String, Sendable, CaseIterable {
        case listGroups = "groups.list"
        case seekGroup = "groups.seek"
        case removeGroup = "groups.remove"
        case pauseSink = "sinks.pause"
        case resumeSink = "sinks.resume"
        case diff = "configuration.diff"
        case tap
        case why = "messages.why"
        case listPoison = "poison.list"
        case readPoison = "poison.read"
        case retryPoison = "poison.retry"
        case dropPoison = "poison.drop"
        case notePoison = "poison.note"
        case replay = "jobs.replay"
        case listJobs = "jobs.list"
        case pauseJob = "jobs.pause"
        case resumeJob = "jobs.resume"
        case cancelJob = "jobs.cancel"
    }

    var command: Command
    var arguments: [String: String] = [:]
    /// Who asks, as the kernel says; nil where that is not known.
    var user: UInt32?

    /// Who asks, for what is recorded of it.
    var by: String { user.map { "uid \($0)" } ?? "an unknown user" }

    init(_ command: Command, _ arguments: [String: String?] = [:]) {
        self.command = command
        self.arguments = arguments.compactMapValues(\.self)
    }

    /// Reads a line.
    /// - Throws: ``ControlFailure``, for the client to read.
    init(line: [UInt8]) throws(ControlFailure) {
        var version: Int64?
        var command: String?
        var arguments: [String: String] = [:]
        do {
            try JSONReader.read(line) { (reader) throws(JSONError) in
                try reader.object { (key, reader) throws(JSONError) in
                    if key == "version" {
                        version = try reader.number().integer()
                    } else if key == "command" {
                        command = try reader.string()
                    } else {
                        let name = key.text
                        arguments[name] = try reader.stringOrSkip()
                    }
                }
            }
        } catch {
            throw ControlFailure(.malformed, "the request cannot be read: \(error)")
        }
        guard version == Self.version else {
            throw ControlFailure(
                .version, "the gateway speaks version \(Self.version) of the protocol (sluice \(SluiceVersion.text))")
        }
        guard let command, let known = Command(rawValue: command) else {
            throw ControlFailure(.unknownCommand, "the gateway knows no such command (sluice \(SluiceVersion.text))")
        }
        self.command = known
        self.arguments = arguments
    }

    /// With a newline at its end.
    var line: [UInt8] {
        JSONWriter.object { json in
            json.member("version", Self.version)
            json.member("command", command.rawValue)
            for (name, value) in arguments.sorted(by: { $0.key < $1.key }) { json.member(name, value) }
        } + [UInt8(ascii: "\n")]
    }
}

/// Why a request was not carried out.
struct ControlFailure: Error, Sendable, Equatable, CustomStringConvertible {
    enum Code: String, Sendable {
        case malformed, version, refused, busy, timeout
        case unknownCommand = "unknown_command"
        /// A name or a value that the gateway cannot use.
        case invalid
        /// Another process leads the group.
        case notLeading = "not_leading"
        /// What has to be kept cannot be written.
        case cannotWrite = "cannot_write"
        /// The configuration file that it is about has faults.
        case faultyFile = "faulty_file"
        case failed
    }

    let code: Code
    let description: String

    init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}
