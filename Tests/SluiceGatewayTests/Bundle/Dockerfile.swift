import Foundation

/// The Dockerfile's instructions, with continued lines joined.
struct Dockerfile {
    let instructions: [(name: String, text: String)]

    static func read() throws -> Dockerfile {
        let text = try String(contentsOf: Repository.file("Dockerfile"), encoding: .utf8)
        let lines = text.replacing("\\\n", with: " ").split(separator: "\n").filter { !$0.hasPrefix("#") }
        return Dockerfile(
            instructions: lines.map { line in
                let parts = line.split(separator: " ", maxSplits: 1)
                return (String(parts.first ?? ""), parts.count > 1 ? String(parts[1]) : "")
            })
    }

    func all(_ name: String) -> [String] {
        instructions.filter { $0.name == name }.map(\.text)
    }

    /// What ENV sets in the image.
    var environment: [String: String] {
        var variables: [String: String] = [:]
        for pair in all("ENV").flatMap({ $0.split(separator: " ") }) {
            let parts = pair.split(separator: "=", maxSplits: 1)
            if let name = parts.first, let value = parts.last { variables[String(name)] = String(value) }
        }
        return variables
    }

    /// The packages that each `apt-get install` names.
    var packages: [[String]] {
        all("RUN").filter { $0.contains("apt-get install") }.map { run in
            let words = run.split(separator: " ").drop { $0 != "install" }.dropFirst()
            return words.prefix { $0 != "&&" }.filter { !$0.hasPrefix("-") }.map(String.init)
        }
    }
}
