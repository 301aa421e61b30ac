/// What another configuration would change of the running gateway.
struct ReloadPlan: Sendable {
    /// What belongs to the process: it is read when the process starts.
    private static let ofProcess: Set<Substring> = ["process", "queue", "journal", "sources", "simulator"]

    let changes: [ConfigurationChange]
    /// What is in force afterwards.
    let values: [EffectiveValue]
    /// What comes into force with the next start alone.
    let needsRestart: [ConfigurationChange]

    /// - Parameter running: what is in force now.
    init(from running: [EffectiveValue], to configuration: GatewayConfiguration) {
        let after = EffectiveConfiguration(configuration).values
        changes = ConfigurationChange.between(running, after)
        needsRestart = changes.filter { Self.ofProcess.contains($0.section) }
        values =
            running.filter { Self.ofProcess.contains(Substring($0.path.first ?? "")) }
            + after.filter { !Self.ofProcess.contains(Substring($0.path.first ?? "")) }
    }

    /// What has changed, each by its name and where it comes from now, without the values.
    var origins: String {
        guard !changes.isEmpty else { return "nothing has changed" }
        let shown = changes.prefix(20).map { change in
            let origin = values.first { $0.name == change.name || $0.whole == change.name }?.origin
            return "\(change.name) (\(change.after == nil ? "gone" : origin.map { "\($0)" } ?? "new"))"
        }
        let more = changes.count - shown.count
        return shown.joined(separator: ", ") + (more > 0 ? ", and \(more) more" : "")
    }

    var changesQueue: Bool { changes.contains { $0.section == "queue" } }
}

extension [ConfigurationChange] {
    /// Some of them, in one line.
    func words(atMost count: Int = 5) -> String {
        let shown = prefix(count).map(\.words).joined(separator: "; ")
        return self.count > count ? "\(shown); and \(self.count - count) more" : shown
    }
}
