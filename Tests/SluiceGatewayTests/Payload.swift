import Foundation
import Testing

/// A webhook of GitHub in a file: one that was made up for the tests, or a real one.
struct Payload: Sendable, CustomTestStringConvertible {
    /// The event's name, as in the header.
    let event: String
    /// Within the folder, such as `push/commits.json`.
    let file: String
    let body: [UInt8]

    var testDescription: String { file }

    /// Written for the tests; they are in the repository.
    static let madeUp = all(in: Repository.file("Tests/Payloads/github").path)

    /// Those of the folder that SLUICE_PAYLOADS names; none where it names none.
    static let real = folder.map { all(in: "\($0)/github") } ?? []

    private static let folder = ProcessInfo.processInfo.environment["SLUICE_PAYLOADS"].flatMap { $0.isEmpty ? nil : $0 }

    private static func all(in root: String) -> [Payload] {
        let files = (FileManager.default.enumerator(atPath: root)?.allObjects as? [String] ?? []).sorted()
        return files.filter { $0.hasSuffix(".json") }.compactMap { file in
            guard let event = file.split(separator: "/").first,
                let data = FileManager.default.contents(atPath: "\(root)/\(file)")
            else { return nil }
            return Payload(event: String(event), file: file, body: Array(data))
        }
    }

    /// The same as a form, as GitHub sends it when it is asked to.
    var form: [UInt8] {
        Array(
            ("payload="
                + body.map { byte in
                    switch byte {
                    case 0x20: "+"
                    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: String(UnicodeScalar(byte))
                    default: "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
                    }
                }.joined()).utf8)
    }
}
