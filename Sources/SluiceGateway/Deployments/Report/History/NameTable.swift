/// Names as numbers. What differs only in capitals may be one name; it is shown as what sorts first, so that the order
/// of coming has no say.
struct NameTable {
    private let ignoresCase: Bool
    private var ids: [String: UInt32] = [:]
    private var shown: [String] = []
    /// What was asked for last, which is mostly what is asked for next.
    private var last: (name: String, id: UInt32)?

    init(ignoringCase: Bool = false) {
        ignoresCase = ignoringCase
    }

    var count: Int { shown.count }

    subscript(id: UInt32) -> String { shown[Int(id)] }

    mutating func id(of name: String) -> UInt32 {
        if let last, last.name == name { return last.id }
        let id = ids[name] ?? make(name)
        last = (name, id)
        return id
    }

    private mutating func make(_ name: String) -> UInt32 {
        let key = ignoresCase ? name.lowercased() : name
        if let id = ids[key] {
            ids[name] = id
            if name < shown[Int(id)] { shown[Int(id)] = name }
            return id
        }
        let id = UInt32(shown.count)
        shown.append(name)
        ids[key] = id
        ids[name] = id
        return id
    }

    func find(_ name: String) -> UInt32? {
        ids[ignoresCase ? name.lowercased() : name]
    }
}
