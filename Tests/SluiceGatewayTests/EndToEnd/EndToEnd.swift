import Foundation
import Testing

/// The gateway as a whole, between fake sinks. One suite after the other: what they measure would be disturbed by the
/// others, and each is over in seconds.
@Suite(.serialized) enum EndToEnd {}

/// Those that push as fast as they can or for long: one load at a time.
@Suite(.serialized) enum EndToEndUnderLoad {}

/// Those that mostly wait, and so run beside one another.
@Suite enum EndToEndAtOnce {}

/// The folder of real webhooks, where there is one.
let payloads = ProcessInfo.processInfo.environment["SLUICE_PAYLOADS"].flatMap { $0.isEmpty ? nil : $0 }

/// Every real webhook of GitHub: the event's name and the body.
func gitHubPayloads() -> [(event: String, file: String, body: [UInt8])] {
    guard let payloads else { return [] }
    let root = payloads + "/github"
    let files = (FileManager.default.enumerator(atPath: root)?.allObjects as? [String] ?? []).sorted()
    return files.filter { $0.hasSuffix(".json") }.compactMap { file in
        guard let event = file.split(separator: "/").first,
            let data = FileManager.default.contents(atPath: "\(root)/\(file)")
        else { return nil }
        return (String(event), file, Array(data))
    }
}
