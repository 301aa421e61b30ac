import Sluice

/// Keeps the events in a table of an SQLite file of its own, for those who want to query them: docs/SQL-SINK.md has the tables
/// and views.
///
/// ```swift
/// ConfiguredSink("history", SQLSinkOptions(path: "/var/lib/sluice/history.db"), start: .beginning)
/// ```
public struct SQLSinkOptions: SinkOptions, Hashable {
    /// The file; made where it is missing, for its owner alone. Its directory must be there.
    public var path: String
    /// How long an event is kept after it was written. Default nil: for ever.
    public var retention: Duration?

    public init(path: String, retention: Duration? = nil) {
        self.path = path
        self.retention = retention
    }

    public var isReachedOverHTTP: Bool { false }
    /// What comes twice after a crash is there once.
    public var isLocal: Bool { true }
    /// A transaction costs as much as many events.
    public var gathers: Bool { true }

    public func makeSink(_ parts: SinkParts) throws -> any Sink {
        SQLSink(SQLFile(path: path), retention: retention, hold: parts.hold)
    }

    public func tryConnection(_ parts: SinkParts) async throws -> String? {
        try SQLFile(path: path).look()
    }
}

extension SQLSinkOptions {
    static let keys = YAMLMapping<SQLSinkOptions>(
        [
            YAMLKey(
                "path", \.path, .text("the path of a file"),
                "The SQLite file, made where it is missing; its directory must be there"),
            YAMLKey(
                "retention", \.retention, .optional(.positiveDuration, none: "none"),
                "How long an event is kept after it was written"),
        ],
        check: { options, value, faults in
            if options.path.isEmpty, value["path"] == nil { faults.add("the key path is missing", at: value.place) }
        })
}

extension SinkKind {
    static let sql = SinkKind(
        "sql", title: "SQL",
        summary:
            "Keeps the events in a table of an SQLite file, with views for the usual questions (docs/SQL-SINK.md); only in a file",
        authentication: "the file's permissions",
        answers: SinkAnswers(
            success: "the event is on the disk", retry: "another program holds the file", poison: "none",
            hold: "everything else: a damaged or foreign file, a full disk"),
        options: SQLSinkOptions(path: ""), keys: SQLSinkOptions.keys, start: .beginning)
}
