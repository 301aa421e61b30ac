/// What the registry knows: every family by name, and which names are taken. Without locks and side effects; the
/// registry reports what the functions return.
struct FamilyTable: Sendable {
    private var families: [String: Family] = [:]
    /// Each name that occurs in an exposition, and the family that it belongs to.
    private var claims: [String: String] = [:]
    private var order: [String]? = []
    private let defaultBuckets: [Double]

    init(defaultBuckets: [Double]) {
        self.defaultBuckets = defaultBuckets
    }

    /// The labels with a cap, or why the description is refused.
    mutating func describe(_ description: MetricDescription) -> Result<[String], MetricConflict> {
        let kind = description.kind
        let name = MetricName.family(description.name, kind: kind)
        if let conflict = conflict(name, kind: kind) { return .failure(conflict) }
        let help = description.help.isEmpty ? description.name : description.help
        let family = Family(
            name: name, kind: kind, help: help, description: description, defaultBuckets: defaultBuckets)
        if let known = families[name] {
            if known.description == description { return .success([]) }
            guard known.description == nil, known.isEmpty else {
                return .failure(MetricConflict(name: name, kind: kind, reason: .description, other: name))
            }
        }
        insert(family, name)
        return .success(family.cappedLabels)
    }

    /// The series of this name and these labels, made when it is new; or why there is none.
    mutating func resolve(
        _ label: String, kind: MetricKind, _ dimensions: [(String, String)], capped: (_ family: String, String) -> Void
    ) -> Result<SeriesHandle, MetricConflict> {
        let name = MetricName.family(label, kind: kind)
        if let conflict = conflict(name, kind: kind) { return .failure(conflict) }
        if families[name] == nil {
            insert(
                Family(name: name, kind: kind, help: label, description: nil, defaultBuckets: defaultBuckets), name)
        }
        switch families[name]?.resolve(dimensions, capped: { capped(name, $0) }) {
        case .found(let handle): return .success(handle)
        case .unknownLabel, nil:
            return .failure(MetricConflict(name: name, kind: kind, reason: .labels, other: name))
        }
    }

    mutating func release(_ handle: SeriesHandle) {
        families[handle.identity.family]?.release(handle)
    }

    mutating func remove(_ label: String, matching dimensions: [(String, String)]) -> Int {
        // Without a kind the name may be a counter's, with its suffix, or another's.
        for name in [MetricName.family(label, kind: .gauge), MetricName.family(label, kind: .counter)]
        where families[name] != nil {
            return families[name]?.remove(matching: dimensions) ?? 0
        }
        return 0
    }

    /// Removes the series of all families that have all of these labels, and tells how many.
    mutating func removeAll(matching dimensions: [(String, String)]) -> Int {
        families.keys.reduce(0) { $0 + (families[$1]?.remove(matching: dimensions) ?? 0) }
    }

    /// What a scrape writes: families by name, series by labels, families without series left out.
    mutating func snapshot() -> [(text: FamilyText, series: [SeriesHandle])] {
        let order = order ?? families.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        self.order = order
        var result: [(text: FamilyText, series: [SeriesHandle])] = []
        result.reserveCapacity(order.count)
        for name in order {
            guard let series = families[name]?.inOrder(), !series.isEmpty, let text = families[name]?.text else {
                continue
            }
            result.append((text, series))
        }
        return result
    }

    /// A family's series in no order; none where there is no such family.
    func series(of name: String) -> [Family.Series] {
        // Without a kind the name may be a counter's, with its suffix, or another's.
        let names = [MetricName.family(name, kind: .gauge), MetricName.family(name, kind: .counter)]
        return names.lazy.compactMap { families[$0] }.first?.allSeries ?? []
    }

    private mutating func insert(_ family: Family, _ name: String) {
        families[name] = family
        for claim in MetricName.claims(of: name, kind: family.kind) { claims[claim] = name }
        order = nil
    }

    private func conflict(_ name: String, kind: MetricKind) -> MetricConflict? {
        if let known = families[name] {
            return known.kind == kind ? nil : MetricConflict(name: name, kind: kind, reason: .kind, other: name)
        }
        for claim in MetricName.claims(of: name, kind: kind) {
            if let owner = claims[claim], owner != name {
                return MetricConflict(name: name, kind: kind, reason: .name, other: owner)
            }
        }
        return nil
    }
}
