import Foundation
import GatewayTestSupport
import SluiceTesting
import Testing

@testable import SluiceGateway

extension EndToEnd {
    /// A gateway sees that its file has changed, in whichever way.
    @Suite(.timeLimit(.minutes(10)))
    struct WatchTests {
        private static func text(rate: String, padding: Int = 0) -> String {
            "sources:\n  github: {kind: github}\n" + String(repeating: "# padding\n", count: padding)
                + "destinations:\n  chat: {throttle: {rate: \(rate)}}\n"
                + "sinks:\n  chat: {kind: slack, webhook: \"http://127.0.0.1:9/x\"}\n"
        }

        private static func failures(_ gateway: FileGateway) async throws -> Double {
            try await gateway.metric("sluice_config_reloads_total", ["result": "failure"]) ?? 0
        }

        @Test func whenItIsRenamedAgainAndAgain() async throws {
            let file = try FileForTests(Self.text(rate: "1/s"))
            try await file.run { gateway in
                for rate in 2...6 {
                    try file.replace(Self.text(rate: "\(rate)/s"))
                    try await eventually("\(rate)") { gateway.destination("chat").rate == Double(rate) }
                }
                #expect(try await Self.failures(gateway) == 0)
            }
        }

        /// As Kubernetes does: the file is a link through `..data`, which is pointed at another directory.
        @Test func whenKubernetesSwapsALink() async throws {
            let file = try FileForTests("")
            let root = file.directory.path
            let manager = FileManager.default
            func publish(_ version: Int, _ text: String) throws {
                try manager.createDirectory(atPath: "\(root)/..v\(version)", withIntermediateDirectories: false)
                try file.write(text, to: "..v\(version)/sluice.yaml")
                try manager.createSymbolicLink(atPath: "\(root)/..data_tmp", withDestinationPath: "..v\(version)")
                guard rename("\(root)/..data_tmp", "\(root)/..data") == 0 else { throw TestFailure("cannot rename") }
            }
            try publish(1, Self.text(rate: "1/s"))
            try manager.removeItem(atPath: file.path)
            try manager.createSymbolicLink(atPath: file.path, withDestinationPath: "..data/sluice.yaml")
            // The file, and the directory that it is mounted as.
            for path in [file.path, root] {
                try await file.run(path: path) { gateway in
                    let first = try #require(gateway.destination("chat").rate)
                    for rate in Int(first) + 1...Int(first) + 3 {
                        try publish(rate, Self.text(rate: "\(rate)/s"))
                        try manager.removeItem(atPath: "\(root)/..v\(rate - 1)")
                        try await eventually("\(rate)") { gateway.destination("chat").rate == Double(rate) }
                    }
                    #expect(try await Self.failures(gateway) == 0)
                }
            }
        }

        /// In pieces, of which the first alone would be wrong.
        @Test func whenItIsWrittenInPlace() async throws {
            let file = try FileForTests(Self.text(rate: "1/s"))
            try await file.run { gateway in
                for rate in 2...4 {
                    let bytes = Array(Self.text(rate: "\(rate)/s", padding: 50).utf8)
                    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: file.path))
                    try handle.truncate(atOffset: 0)
                    for start in stride(from: 0, to: bytes.count, by: 7) {
                        try handle.write(contentsOf: Data(bytes[start..<min(start + 7, bytes.count)]))
                    }
                    try handle.close()
                    try await eventually("\(rate)") { gateway.destination("chat").rate == Double(rate) }
                }
                #expect(try await Self.failures(gateway) == 0)
            }
        }

        @Test func whenAFileChangesThatItNames() async throws {
            let file = try FileForTests(Self.text(rate: "\"${file:rate}\""), others: ["rate": "1/s\n"])
            try await file.run { gateway in
                try file.replace("2/s\n", name: "rate")
                try await eventually("2") { gateway.destination("chat").rate == 2 }
                try file.write("3/s\n", to: "rate")
                try await eventually("3") { gateway.destination("chat").rate == 3 }
                // One that is missing for a while is watched, too.
                try FileManager.default.removeItem(atPath: file.directory.path + "/rate")
                try await eventually("it is refused") { try await Self.failures(gateway) == 1 }
                #expect(gateway.log.contains("rate does not exist"))
                try file.write("4/s\n", to: "rate")
                try await eventually("4") { gateway.destination("chat").rate == 4 }
            }
        }

        @Test func whenAFileComesIntoItsDirectoryOrLeavesIt() async throws {
            let parts = Self.text(rate: "1/s").split(separator: "sinks:").map(String.init)
            let file = try FileForTests(
                parts[0].replacing("destinations", with: "defaults").replacing(
                    "  chat: {throttle: {rate: 1/s}}", with: "  throttle: {rate: 1/s}"),
                others: ["sinks.yaml": "sinks:\(parts[1])"])
            try await file.run(path: file.directory.path) { gateway in
                #expect(gateway.destination("chat").rate == 1)
                try file.write("destinations:\n  chat: {throttle: {rate: 9/s}}\n", to: "more.yaml")
                try await eventually("the new file counts") { gateway.destination("chat").rate == 9 }
                try FileManager.default.removeItem(atPath: file.directory.path + "/more.yaml")
                try await eventually("it counts no more") { gateway.destination("chat").rate == 1 }
                // Other files come and go without a reload.
                let reloads = try await gateway.metric("sluice_config_reloads_total", ["result": "success"])
                try file.write("x", to: "notes.txt")
                try file.write("x", to: ".sluice.yaml.swp")
                try file.replace(
                    Self.text(rate: "1/s").split(separator: "sinks:")[1].description.replacing(
                        "  chat", with: "sinks:\n  chat"), name: "sinks.yaml")
                try await eventually("the next change is seen") {
                    try await gateway.metric("sluice_config_reloads_total", ["result": "success"]) == (reloads ?? 0) + 1
                }
            }
        }
    }
}
