import ArgumentParser
import Sluice
import SluiceGateway

/// Reads what was given to options and arguments. They come as text, because the argument parser repeats what it cannot
/// read, and that may be a password.
enum Arguments {
    static let addressHelp = ArgumentHelp("Where: \(BrokerAddress.forms).", valueName: "address")

    /// - Parameter environment: the variables of the brokers.
    static func address(
        _ text: String, _ option: String, environment: [String: String]
    ) throws(UsageError) -> BrokerAddress {
        do {
            return try BrokerAddress(text, environment: environment)
        } catch {
            throw UsageError("\(option): \(error)")
        }
    }

    /// - Throws: ``UsageError`` also for an address, whose password every error about the topic would show.
    static func topic(_ text: String) throws(UsageError) -> Topic {
        guard !text.isEmpty else { throw UsageError("<topic>: expected a topic, queue, or path") }
        guard !text.contains("://") else {
            throw UsageError("<topic>: expected a topic, queue, or path, not an address")
        }
        return Topic(text)
    }

    static func format(_ text: String) throws(UsageError) -> MessageFormat {
        guard let format = MessageFormat(rawValue: text) else { throw UsageError("--format: expected lines or json") }
        return format
    }

    static func start(_ text: String) throws(UsageError) -> ConsumeOptions.Start {
        guard let start = ConsumeOptions.Start(text) else {
            throw UsageError("--start: expected beginning, end, or an RFC 3339 time")
        }
        return start
    }

    static func count(_ text: String, _ option: String) throws(UsageError) -> Int {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let count = Int(text), count >= 1 else {
            throw UsageError("\(option): expected a whole number from 1")
        }
        return count
    }

    /// - Returns: nil for what was not given.
    static func read<Value>(
        _ text: String?, _ option: String, _ parse: (String) -> Value?, _ words: String
    ) throws(UsageError) -> Value? {
        guard let text else { return nil }
        guard let value = parse(text) else { throw UsageError("\(option): \(words)") }
        return value
    }

    static func wholeNumber(_ text: String, _ option: String) throws(UsageError) -> Int {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(text) else {
            throw UsageError("\(option): expected a whole number from 0")
        }
        return number
    }

    static func seconds(_ text: String, _ option: String, _ range: ClosedRange<Double>) throws(UsageError) -> Duration {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }),
            let seconds = Double(text), range.contains(seconds)
        else {
            throw UsageError("\(option): expected seconds from \(range.lowerBound) to \(Int(range.upperBound))")
        }
        return .milliseconds(Int64(seconds * 1_000))
    }

    /// - Returns: nil for what was not given.
    static func name(_ text: String?, _ option: String) throws(UsageError) -> String? {
        try text.map { text throws(UsageError) in try name(text, option) }
    }

    /// - Throws: ``UsageError`` also for an address, whose password errors would show.
    static func name(_ text: String, _ option: String) throws(UsageError) -> String {
        guard !text.isEmpty, !text.contains("://") else { throw UsageError("\(option): expected a name") }
        return text
    }

    /// - Throws: ``UsageError`` also for an address, whose password errors would show.
    static func directory(_ text: String, _ option: String) throws(UsageError) -> String {
        guard !text.isEmpty, !text.contains("://") else { throw UsageError("\(option): expected a directory") }
        return text
    }

    static func metadata(_ pairs: [String]) throws(UsageError) -> Metadata {
        var metadata = Metadata()
        for pair in pairs {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let name = parts.first, !name.isEmpty, let value = parts.last else {
                throw UsageError("--metadata: expected name=value")
            }
            metadata[String(name)] = String(value)
        }
        return metadata
    }

    /// A time, a date, or how long before `end`.
    static func moment(
        _ text: String, _ option: String, before end: Timestamp = .now()
    ) throws(UsageError) -> Timestamp {
        guard let moment = MomentText.parse(text, now: end) else {
            throw UsageError("\(option): expected \(MomentText.forms)")
        }
        return moment
    }
}
