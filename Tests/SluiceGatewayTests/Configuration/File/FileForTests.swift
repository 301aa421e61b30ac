import Foundation
import GatewayTestSupport

@testable import SluiceGateway

/// A configuration file in a directory of its own, read as `sluice check` reads it.
struct FileForTests: Sendable {
    let directory: TemporaryDirectory

    var path: String { directory.path + "/sluice.yaml" }

    /// - Parameter others: files beside it, by their names.
    init(_ text: String, others: [String: String] = [:]) throws {
        directory = try TemporaryDirectory()
        try write(text)
        for (name, text) in others { try write(text, to: name) }
    }

    func write(_ text: String, to name: String = "sluice.yaml") throws { try write(Array(text.utf8), to: name) }

    func write(_ bytes: [UInt8], to name: String = "sluice.yaml") throws {
        try Data(bytes).write(to: URL(fileURLWithPath: "\(directory.path)/\(name)"))
    }

    /// - Parameter whole: whether the directory is read as one configuration.
    func read(_ environment: [String: String] = [:], whole: Bool = false) throws -> GatewayConfiguration {
        try GatewayConfiguration(file: whole ? directory.path : path, environment: environment)
    }

    /// Each as `line:column: words`.
    func faults(_ environment: [String: String] = [:], whole: Bool = false) -> [String] {
        do {
            _ = try read(environment, whole: whole)
            return []
        } catch let error as FileFaults {
            return error.faults.map { fault in
                let name = whole ? fault.file?.split(separator: "/").last.map { "\($0):" } ?? "" : ""
                return name + fault.description.replacing(directory.path + "/", with: "")
            }
        } catch {
            return ["\(error)"]
        }
    }
}

extension GatewayConfiguration {
    /// What is in force, by the values' names.
    var inForce: [String: EffectiveValue] {
        Dictionary(EffectiveConfiguration(self).values.map { ($0.name, $0) }) { first, _ in first }
    }

    /// What is in force, without where it comes from.
    var texts: [String] { EffectiveConfiguration(self).values.map { "\($0.name): \($0.written)" } }
}
