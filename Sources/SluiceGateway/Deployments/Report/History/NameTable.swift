import Glibc

/// Names as numbers. What differs only in capitals may be one name; it is shown as what sorts first, so that the order
/// of coming has no say.
struct NameTable {
    private let ignoresCase: Bool
    private var ids: [String: UInt32] = [:]
    private var shown: [String] = []
    /// What was asked for last, which is mostly what is asked for next.
    private var last: (name: String, id: UInt32)?
    /// Names in UTF-8 that came up not long ago, by a sum of their bytes.
    private var recent: [(name: [UInt8], id: UInt32)] = []

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

    /// The same of a name in UTF-8, without a string of it where it came up not long ago.
    mutating func id(of name: UnsafeBufferPointer<UInt8>) -> UInt32 {
        if recent.isEmpty { recent = Array(repeating: ([], 0), count: 256) }
        var sum: UInt32 = 0
        for byte in name { sum = sum &* 31 &+ UInt32(byte) }
        let place = Int((sum ^ sum >> 13) & 255)
        let isKnown = recent[place].name.withUnsafeBufferPointer { known in
            guard known.count == name.count, let left = known.baseAddress, let right = name.baseAddress else {
                return false
            }
            return memcmp(left, right, name.count) == 0
        }
        if isKnown { return recent[place].id }
        let id = id(of: String(decoding: name, as: UTF8.self))
        recent[place] = (Array(name), id)
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
