import Foundation
import GatewayTestSupport
import Testing

@testable import SluiceGateway

@Suite struct FileBundleTests {
    /// What the repository has in a folder, save what only those need who work on it.
    private static func files(in folder: String) throws -> [String] {
        let root = Repository.file(folder)
        let all = FileManager.default.enumerator(atPath: root.path)?.allObjects as? [String] ?? []
        return all.filter { path in
            var isDirectory: ObjCBool = false
            return FileManager.default.fileExists(atPath: root.appending(path: path).path, isDirectory: &isDirectory)
                && !isDirectory.boolValue && !path.hasPrefix("tests/") && !path.hasPrefix("source/")
                && path != "README.md"
        }.sorted()
    }

    @Test(arguments: ["dashboards", "prometheus"])
    func carriesTheRepositorysFiles(folder: String) throws {
        let bundle: FileBundle = folder == "dashboards" ? .dashboards : .rules
        let expected = try Self.files(in: folder)
        #expect(!expected.isEmpty)
        #expect(bundle.files.map(\.path) == expected, "Sources/CBundle/bundle.c lists other files than \(folder)/")
        for file in bundle.files {
            let bytes = try Array(Data(contentsOf: Repository.file("\(folder)/\(file.path)")))
            #expect(file.bytes == bytes, "\(folder)/\(file.path) changed after Sources/CBundle was built")
        }
    }
}

@Suite struct FileBundleWritingTests {
    private let bundle = FileBundle([
        .init(path: "a.json", bytes: Array("{}\n".utf8)), .init(path: "b/c.yml", bytes: Array("c: 1\n".utf8)),
        .init(path: "empty", bytes: []),
    ])

    private func text(_ directory: TemporaryDirectory, _ path: String) -> String? {
        FileManager.default.contents(atPath: "\(directory.path)/\(path)").map { String(decoding: $0, as: UTF8.self) }
    }

    private func write(_ text: String, _ directory: TemporaryDirectory, _ path: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(directory.path)/\(path)"))
    }

    @Test func writesIntoADirectoryThatIsMissingAndAgainChangesNothing() throws {
        let directory = try TemporaryDirectory()
        let out = directory.path + "/new/er"
        let first = try bundle.write(to: out)
        #expect(first.map(\.path) == ["\(out)/a.json", "\(out)/b/c.yml", "\(out)/empty"])
        #expect(first.allSatisfy { $1 == .written })
        #expect(text(directory, "new/er/a.json") == "{}\n")
        #expect(text(directory, "new/er/b/c.yml") == "c: 1\n")
        #expect(text(directory, "new/er/empty") == "")
        #expect(try bundle.write(to: out).allSatisfy { $1 == .unchanged })
    }

    @Test func keepsWhatDiffersAndThenWritesNothing() throws {
        let directory = try TemporaryDirectory()
        try write("mine", directory, "a.json")
        let error = try #require(throws: BundleError.self) { try bundle.write(to: directory.path) }
        #expect(error.code == .differs && error.paths == [directory.path + "/a.json"] && error.exitStatus == 1)
        #expect(error.description.contains("--force"))
        #expect(text(directory, "a.json") == "mine")
        #expect(text(directory, "b/c.yml") == nil)
    }

    @Test func replacesWhatDiffersWhenForced() throws {
        let directory = try TemporaryDirectory()
        try write("mine", directory, "a.json")
        try write("", directory, "empty")
        let outcomes = try bundle.write(to: directory.path, force: true).map(\.1)
        #expect(outcomes == [.replaced, .written, .unchanged])
        #expect(text(directory, "a.json") == "{}\n")
    }

    @Test func saysWhatCannotBeWritten() throws {
        let directory = try TemporaryDirectory()
        // A directory where a file should be, and a file where a directory should be: neither is ever removed.
        try FileManager.default.createDirectory(
            atPath: directory.path + "/one/a.json", withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: directory.path + "/two", withIntermediateDirectories: true)
        try write("a file", directory, "two/b")
        for (out, path) in [("one", "a.json"), ("two", "b/c.yml")] {
            let error = try #require(throws: BundleError.self) {
                try bundle.write(to: "\(directory.path)/\(out)", force: true)
            }
            #expect(error.code == .unusable && error.paths == ["\(directory.path)/\(out)/\(path)"])
            #expect(error.exitStatus == 73)
        }
        #expect(text(directory, "two/b") == "a file")
    }
}
