/// Finds variables that are not read and are probably misspelt.
enum ConfigurationTypos {
    /// Every unknown name with our prefix, and in the file, which is ours alone, every name that is nearly one of ours.
    static func warnings(environment: some Sequence<String>, file: some Sequence<String>) -> [String] {
        let file = Set(file)
        let known = GatewayConfiguration.variables.map(\.name)
        let unknown = file.union(environment).filter { name in
            !known.contains(name) && (name.hasPrefix("SLUICE_") || file.contains(name))
        }
        return unknown.sorted().compactMap { name in
            // What an outsider chose is not worth more than its first part.
            let shown = name.truncated(toBytes: 64).replacingUnsafeCharacters()
            let nearest = known.map { ($0, distance(name, $0)) }.min { $0.1 < $1.1 }
            if let nearest, nearest.1 <= 3 { return "\(shown) is not a variable of Sluice: was \(nearest.0) meant?" }
            return name.hasPrefix("SLUICE_") && name != "SLUICE_PAYLOADS" ? "\(shown) is not a variable of Sluice" : nil
        }
    }

    /// How many letters to insert, remove or replace (Levenshtein).
    static func distance(_ left: String, _ right: String) -> Int {
        let right = Array(right.utf8)
        let left = Array(left.utf8.prefix(64))
        var row = Array(0...right.count)
        for (i, letter) in left.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for j in right.indices {
                let cost = min(row[j] + 1, row[j + 1] + 1, diagonal + (letter == right[j] ? 0 : 1))
                diagonal = row[j + 1]
                row[j + 1] = cost
            }
        }
        return row[right.count]
    }
}
