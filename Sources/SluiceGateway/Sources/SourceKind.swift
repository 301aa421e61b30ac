import Sluice
import SluiceHTTP

/// A kind of source, as the registry knows it.
struct SourceKind: Sendable {
    /// Its word in a file, and the name of the one source that the environment makes of it.
    let name: String
    /// What people call it.
    let title: String
    /// What comes from it, for the program's one line: `deployments`.
    let intake: String
    /// What it takes in, as one sentence in Markdown without the point at its end.
    let summary: String
    /// How its senders prove who they are, the same way.
    let authentication: String
    let options: [ConfigurationVariable]
    /// What gives a request away that such a sender made itself: it cannot come from this machine.
    let senders: [HTTPAuthenticator.RemoteSender]
    /// What is set of it; nil where there is no such source.
    let readOptions: @Sendable (inout ConfigurationValues) -> (any SourceOptions)?
    /// Whether a source is of this kind.
    let isKind: @Sendable (any SourceOptions) -> Bool
    /// The source when nothing is set; nil for none, as every kind that is added should have it: who does not know of it
    /// must not have to set its secret.
    let standard: ConfiguredSource?

    /// The source that the environment makes; nil where there is none.
    func read(_ values: inout ConfigurationValues) -> ConfiguredSource? {
        readOptions(&values).map { ConfiguredSource(name, $0) }
    }

    init<Options: SourceOptions>(
        _ name: String, title: String, intake: String, summary: String, authentication: String,
        options: [ConfigurationVariable], senders: [HTTPAuthenticator.RemoteSender] = [], standard: Options? = nil,
        read: @escaping @Sendable (inout ConfigurationValues) -> Options?
    ) {
        self.name = name
        self.title = title
        self.intake = intake
        self.summary = summary
        self.authentication = authentication
        self.options = options
        self.senders = senders
        isKind = { $0 is Options }
        readOptions = { values in read(&values) }
        self.standard = standard.map { ConfiguredSource(name, $0) }
    }
}
