/// How much the journal keeps in memory, and how soon it writes. The defaults are right outside of tests.
package struct JournalPace: Sendable {
    /// Records that wait to be written.
    package var capacity = 32_768
    /// Attempts in a second that succeed at once, over time; those beyond it are dropped.
    package var rate = 100_000
    /// From the first record to the commit that writes it and all that came meanwhile.
    package var interval: Duration = .milliseconds(200)
    /// Records of one commit at most.
    package var commit = 2_048
    /// How often it looks for what is too old.
    package var sweep: Duration = .seconds(60)
    /// Between two warnings of records that are lost.
    package var silence: Duration = .seconds(60)

    package init() {}
}
