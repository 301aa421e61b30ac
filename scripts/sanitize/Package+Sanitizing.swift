
// Put behind the manifest of the copy that is sanitized, by scripts/sanitize.sh.

/// The names behind a target's dependencies on targets of this package.
func ownDependencies(_ target: Target) -> [String] {
    target.dependencies.compactMap { dependency in
        switch dependency {
        case .targetItem(let name, _), .byNameItem(let name, _): name
        default: nil
        }
    }
}

// Only the tests that are asked for, and what they need: a sanitized build takes long.
if let chosen = Context.environment["SLUICE_SANITIZED_TARGETS"].map({ Set($0.split(separator: " ").map(String.init)) }) {
    var needed = chosen
    var next = Array(chosen)
    while let name = next.popLast() {
        for dependency in package.targets.first(where: { $0.name == name }).map(ownDependencies) ?? []
        where needed.insert(dependency).inserted { next.append(dependency) }
    }
    package.targets.removeAll { !needed.contains($0.name) }
    package.products.removeAll { product in
        let targets =
            (product as? Product.Library)?.targets ?? (product as? Product.Executable)?.targets ?? []
        return !targets.allSatisfy(needed.contains)
    }
}

package.targets.append(.target(name: "CThreads", path: "scripts/sanitize/CThreads"))
for target in package.targets {
    // The sanitizer's own allocator has to see every allocation.
    target.linkerSettings = nil
    if target.type == .test || target.type == .executable { target.dependencies.append("CThreads") }
}
