/// When verdicts are counted. The defaults are right outside of tests, which shorten it.
package struct VerdictPace: Sendable {
    /// How often the facts are looked at. Default a minute.
    package var interval: Duration = .seconds(60)
    /// How long a verdict has to stay the same: a counter takes nothing back. Default 10 minutes.
    package var patience: Duration = .seconds(600)

    package init() {}
}
