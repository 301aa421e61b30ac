import Sluice

/// The JSON Schema of a configuration file, for editors: made from the keys that read it.
///
/// It describes the shape: which keys there are, their words, defaults and meanings. What a value has to be exactly, `sluice
/// check` tells.
struct ConfigurationSchema {
    /// A key, and what stands inside of it.
    private struct Node {
        var row: KeyRow?
        var children: [(name: String, node: Node)] = []

        mutating func add(_ row: KeyRow, _ path: ArraySlice<String>) {
            guard let name = path.first else {
                if self.row == nil { self.row = row }
                return
            }
            let index = children.firstIndex { $0.name == name }
            if index == nil { children.append((name, Node())) }
            children[index ?? children.count - 1].node.add(row, path.dropFirst())
        }
    }

    private var root = Node()

    init() {
        for row in FileSections.keys.rows(FileSections(GatewayConfiguration())) { root.add(row, row.path[...]) }
    }

    var text: String {
        var json = JSONWriter(capacity: 65_536)
        json.object { json in
            json.member("$schema", "https://json-schema.org/draft/2020-12/schema")
            json.member("title", "sluice.yaml")
            write(children: root.children, to: &json)
        }
        return String(decoding: json.bytes, as: UTF8.self) + "\n"
    }

    private func write(_ node: Node, to json: inout JSONWriter) {
        json.object { json in
            if let row = node.row {
                let standard = row.standard.map { $0.isEmpty ? "" : " Default: \($0)." } ?? ""
                json.member("description", "\(row.meaning.filter { $0 != "`" }) (\(row.expected)).\(standard)")
            }
            let expected = node.row?.expected ?? "a mapping"
            guard !node.children.isEmpty else { return writeLeaf(node.row, to: &json) }
            if expected.hasPrefix("a list") {
                json.member("type", "array")
                json.name("items")
                json.object { write(children: node.children, to: &$0) }
            } else if expected == "a mapping" || expected == "a mapping of names" {
                write(children: node.children, to: &json)
            } else {
                // A mapping, or a word for it.
                json.name("anyOf")
                json.array { json in
                    json.object { write(children: node.children, to: &$0) }
                    json.object { writeLeaf(node.row, isMapping: false, to: &$0) }
                }
            }
        }
    }

    private func write(children: [(name: String, node: Node)], to json: inout JSONWriter) {
        json.member("type", "object")
        if children.count == 1, children[0].name == "NAME" {
            // Whatever it is called.
            json.name("additionalProperties")
            return write(children[0].node, to: &json)
        }
        json.name("properties")
        json.object { json in
            for (name, node) in children {
                json.name(name)
                write(node, to: &json)
            }
        }
        json.name("additionalProperties")
        json.boolean(false)
    }

    /// What has no keys of its own that are known.
    /// - Parameter isMapping: whether it may be a mapping, whose keys are anything.
    private func writeLeaf(_ row: KeyRow?, isMapping: Bool = true, to json: inout JSONWriter) {
        let words = row?.words ?? []
        guard words.isEmpty else {
            json.name("enum")
            json.array { json in
                for word in words {
                    if word == "true" || word == "false" { json.boolean(word == "true") } else { json.string(word) }
                }
            }
            return
        }
        json.name("type")
        json.array { json in
            for type in types(row?.expected ?? "") where isMapping || type != "object" { json.string(type) }
        }
    }

    private func types(_ expected: String) -> [String] {
        if expected.hasPrefix("a mapping") { return ["object", "string", "number", "boolean"] }
        if expected.hasPrefix("a list") { return ["array", "string"] }
        if expected.hasPrefix("host:port") { return ["array", "string"] }
        if expected.hasPrefix("name=value") { return ["object", "string"] }
        return ["string", "number", "boolean"]
    }
}

extension GatewayDocuments {
    /// The JSON Schema of a configuration file.
    public static var schema: String { ConfigurationSchema().text }
}
