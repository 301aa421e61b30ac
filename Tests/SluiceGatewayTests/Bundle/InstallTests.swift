import Foundation
import GatewayTestSupport
import SluiceTesting
import Testing

/// `make install` and `make uninstall`, into a directory that stands for the root.
@Suite(.timeLimit(.minutes(5)), .enabled(if: SluiceProcess.executable != nil, "needs the program"))
struct InstallTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private var root: String { directory.path + "/root" }

    private func make(_ target: String, _ prefix: String = "/opt/sluice") async throws -> (
        status: Int32, output: String
    ) {
        let program = try #require(SluiceProcess.executable).path
        return try await runTool(
            [
                "PROGRAM=\(program)", "make", "--no-print-directory", "-C", Repository.root.path, target,
                "PREFIX=\(prefix)", "DESTDIR=\(root)",
            ], in: directory)
    }

    private func text(_ path: String) throws -> String {
        try String(contentsOfFile: "\(root)/opt/sluice/\(path)", encoding: .utf8)
    }

    private func files() -> [String] {
        let all = FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []
        return all.filter { path in
            var isDirectory: ObjCBool = false
            return FileManager.default.fileExists(atPath: "\(root)/\(path)", isDirectory: &isDirectory)
                && !isDirectory.boolValue
        }
    }

    @Test func everythingIsInstalledWhereItBelongsAndRemovedAgain() async throws {
        let installed = try await make("install")
        #expect(installed.status == 0, "\(installed.output)")
        for path in [
            "bin/sluice", "share/bash-completion/completions/sluice", "share/zsh/site-functions/_sluice",
            "share/fish/vendor_completions.d/sluice.fish", "share/man/man1/sluice.1",
            "lib/systemd/system/sluice.service", "share/sluice/examples/configurations/small-team.yaml",
            "share/sluice/examples/scenarios/slack-asks-to-wait.yaml", "share/sluice/examples/sluice.env",
            "share/doc/sluice/COMMANDS.md", "share/doc/sluice/README.md", "share/doc/sluice/LICENSE",
        ] {
            #expect(FileManager.default.fileExists(atPath: "\(root)/opt/sluice/\(path)"), "\(path)")
        }
        let all = files()
        #expect(all.contains { $0.hasPrefix("opt/sluice/share/sluice/dashboards/") && $0.hasSuffix(".json") })
        #expect(all.contains { $0.hasPrefix("opt/sluice/share/sluice/prometheus/") && $0.hasSuffix("alerts.yml") })
        #expect(try text("lib/systemd/system/sluice.service").contains("\nExecStart=/opt/sluice/bin/sluice run\n"))

        let version = try await runTool(["\(root)/opt/sluice/bin/sluice", "--version"], in: directory)
        #expect(version.status == 0)
        let bash = try await runTool(
            ["bash", "-n", "\(root)/opt/sluice/share/bash-completion/completions/sluice"], in: directory)
        #expect(bash.status == 0, "\(bash.output)")
        for path in ["share/bash-completion/completions/sluice", "share/zsh/site-functions/_sluice"] {
            for word in ["groups", "seek", "tail", "backup"] {
                #expect(try text(path).contains(word), "\(path): \(word)")
            }
        }
        // Another install replaces, and one of everything is all that is there.
        #expect(try await make("install").status == 0)
        #expect(files() == all)
        // What is not of ours stays.
        try FileManager.default.createDirectory(
            atPath: "\(root)/opt/sluice/share/other", withIntermediateDirectories: true)
        try Data().write(to: URL(fileURLWithPath: "\(root)/opt/sluice/share/other/file"))
        let removed = try await make("uninstall")
        #expect(removed.status == 0, "\(removed.output)")
        #expect(files() == ["opt/sluice/share/other/file"])
    }

    /// A shell that completes: what the script offers behind `sluice log `.
    @Test func bashCompletesSubcommandsAndOptions() async throws {
        #expect(try await make("install").status == 0)
        func completions(_ words: String...) async throws -> String {
            let list = (["sluice"] + words).map { "'\($0)'" }.joined(separator: " ")
            let script = """
                source '\(root)/opt/sluice/share/bash-completion/completions/sluice'
                COMP_WORDS=(\(list)); COMP_CWORD=\(words.count)
                COMP_LINE="${COMP_WORDS[*]}"; COMP_POINT=${#COMP_LINE}
                _sluice sluice "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
                printf '%s\\n' "${COMPREPLY[@]}"
                """
            return try await runTool(["bash", "-c", script], in: directory).output
        }
        let commands = try await completions("log", "")
        for word in ["topics", "stats", "tail", "export", "import"] { #expect(commands.contains(word), "\(commands)") }
        #expect(try await completions("log", "tail", "--fo").contains("--follow"))
    }

    @Test func theManualPageCanBeRead() async throws {
        let program = try #require(SluiceProcess.executable).path
        let page = try await runTool([program, "manual"], in: directory).output
        #expect(page.hasPrefix(".TH SLUICE 1"))
        for word in [".SH EXIT STATUS", ".SS sluice log tail", ".SS sluice run"] {
            #expect(page.contains(word.replacing("-", with: "\\-")), "\(word)")
        }
        // A line of text that begins like a request would not be shown.
        let requests = Set([".TH", ".SH", ".SS", ".nf", ".fi", ".TP", ".B", ".I", ".RI"])
        for line in page.split(separator: "\n") where line.hasPrefix(".") || line.hasPrefix("'") {
            #expect(requests.contains(String(line.prefix { $0 != " " })), "\(line)")
        }
    }

    /// A script stands for the program, which is large without its release build.
    @Test func aTarballHoldsWhatIsInstalledAndIsTheSameTwice() async throws {
        let program = "\(directory.path)/program"
        try Data(
            """
            #!/bin/sh
            case $1 in
            --version) echo 1.2.3 ;;
            dashboards | rules) mkdir -p "$4" && echo "$1" >"$4/$1.json" ;;
            *) echo "$@" ;;
            esac
            """.utf8
        ).write(to: URL(fileURLWithPath: program))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program)
        let environment = ["PROGRAM=\(program)", "SOURCE_DATE_EPOCH=1767323045"]
        let scripts = "\(Repository.root.path)/scripts"
        func pack(into name: String) async throws -> String {
            let packed = try await runTool(
                environment + ["\(scripts)/dist.sh", "\(directory.path)/\(name)"], in: directory)
            #expect(packed.status == 0, "\(packed.output)")
            let files = try FileManager.default.contentsOfDirectory(atPath: "\(directory.path)/\(name)")
            return "\(directory.path)/\(name)/" + (try #require(files.first { $0.hasSuffix(".tar.gz") }))
        }
        let (first, second) = (try await pack(into: "first"), try await pack(into: "second"))
        #expect(first.contains("/sluice-1.2.3-"))
        #expect(FileManager.default.contentsEqual(atPath: first, andPath: second))

        let list = try await runTool(["tar", "--list", "--gzip", "--file", first], in: directory).output
        let installed = try await runTool(
            environment + ["DESTDIR=\(root)", "PREFIX=/opt/sluice", "\(scripts)/install.sh", "install"], in: directory)
        #expect(installed.status == 0, "\(installed.output)")
        let lines = list.split(separator: "\n").filter { !$0.hasSuffix("/") }
        let packed = lines.map { $0.drop { $0 != "/" }.dropFirst() }
        #expect(Set(packed) == Set(files().map { $0.dropFirst("opt/sluice/".count) }) && packed.count > 30)
        let sum = try await runTool(
            ["sh", "-c", "cd '\(directory.path)/first' && sha256sum -c *.sha256"], in: directory)
        #expect(sum.status == 0, "\(sum.output)")
    }

    @Test func aProgramThatIsMissingIsSaid() async throws {
        let answer = try await runTool(
            [
                "PROGRAM=\(directory.path)/none", "DESTDIR=\(root)", "\(Repository.root.path)/scripts/install.sh",
                "install",
            ],
            in: directory)
        #expect(answer.status == 66 && answer.output.contains("make build"), "\(answer.output)")
        #expect(files().isEmpty)
    }
}
