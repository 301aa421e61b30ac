public import Foundation
import Sluice
import SluiceSQLite

/// Where the log is that `sluice log` works on.
public enum LogLocation: Sendable {
    /// The embedded log in this file.
    case file(String)
    case kafka(GatewayConfiguration.Kafka)

    /// What an address may be, in words.
    public static let forms =
        "sqlite:PATH (a gateway's data directory or its log), or kafka://HOST:PORT,… (with the KAFKA_… variables)"

    /// The log of a data directory, also of one that is not there yet, or a log's file.
    public init(directory: String) {
        let exists = FileManager.default.fileExists(atPath: directory)
        self = .file(exists ? DataDirectory.logFile(at: directory) : "\(directory)/\(DataDirectory.logName)")
    }

    /// - Parameters:
    ///   - text: an address: see ``forms``.
    ///   - environment: the variables of Kafka.
    /// - Throws: ``ToolError`` that says what is expected.
    public init(
        _ text: String, environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(ToolError) {
        switch try? BrokerAddress(text, environment: environment) {
        case .sqlite(let path)?: self = .file(DataDirectory.logFile(at: path))
        case .kafka(let client)?:
            // Topic and group are the variables'; the address may be another cluster's, and is enough.
            var values = ConfigurationValues(
                environment.merging(["KAFKA_BROKERS": client.brokers.joined(separator: ",")]) { set, own in
                    set.isEmpty ? own : set
                })
            var kafka = KafkaOptions.read(&values) ?? GatewayConfiguration.Kafka(client)
            kafka.client = client
            self = .kafka(kafka)
        default: throw ToolError("expected \(Self.forms)")
        }
    }

    /// The log's file.
    /// - Throws: ``ToolError`` on Kafka.
    func file(for command: String) throws(ToolError) -> String {
        switch self {
        case .file(let path): return path
        case .kafka:
            throw ToolError(
                "\(command) works on the embedded log; on Kafka there is `sluice consume --format json` and "
                    + "`sluice publish --format json`, which keep everything but the time")
        }
    }

    /// Where events are, unless another topic is named.
    var events: String {
        switch self {
        case .file: SQLiteQueue.eventsTopic.name
        case .kafka(let kafka): kafka.topic
        }
    }
}
