import Glibc

/// The way to a file through links.
enum PathSteps {
    /// As many links as the system follows.
    private static let mostLinks = 40

    /// The directories in which a change may make another file of it: the one that holds it, and each that holds a link on
    /// the way there.
    static func directories(to path: String) -> Set<String> {
        var directories: Set<String> = []
        var links = 0
        var rest = components(path)
        var place = path.hasPrefix("/") ? "/" : "."
        while !rest.isEmpty {
            let step = rest.removeFirst()
            if step == "." { continue }
            let here = place
            place = place == "/" ? "/\(step)" : "\(place)/\(step)"
            if let target = linkTarget(of: place), links < mostLinks {
                links += 1
                directories.insert(here)
                place = target.hasPrefix("/") ? "/" : here
                rest = components(target) + rest
            } else if rest.isEmpty {
                directories.insert(here)
            }
        }
        return directories
    }

    private static func components(_ path: String) -> [String] {
        path.split(separator: "/").map(String.init)
    }

    private static func linkTarget(of path: String) -> String? {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let count = buffer.withUnsafeMutableBytes { bytes in
            guard let start = bytes.baseAddress else { return 0 }
            return readlink(path, start.assumingMemoryBound(to: CChar.self), bytes.count)
        }
        return count > 0 ? String(decoding: buffer.prefix(count), as: UTF8.self) : nil
    }
}
