import Sluice

@testable import SluiceGateway

/// Facts and events of one repository, `octo/hello`, in 2026.
enum FactFixtures {
    static let repository = "octo/hello"

    /// So many hours into 2026.
    static func time(_ hours: Double) -> Timestamp {
        Timestamp(millisecondsSince1970: 1_767_225_600_000 + Int64(hours * 3_600_000))
    }

    /// A whole hash that is told from others by a number.
    static func commit(_ number: Int) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 39 - digits.count) + digits + "f"
    }

    static func push(_ numbers: ClosedRange<Int>, at hours: Double, repository: String = repository) -> PushFact {
        PushFact(
            repository: repository, ref: "refs/heads/main", before: commit(numbers.lowerBound - 1),
            after: commit(numbers.upperBound), pushedAt: time(hours),
            commits: numbers.map {
                PushFact.Commit(id: commit($0), author: "ann", madeAt: time(hours - 0.5), title: "Change \($0)")
            })
    }

    /// The events that sinks are told of a push.
    static func events(of push: PushFact) -> [Event] {
        push.commits.map {
            .commitPushed(
                CommitPushed(
                    id: $0.id, message: $0.title, author: $0.author, occurredOn: $0.madeAt ?? push.pushedAt,
                    repository: push.repository, ref: push.ref))
        }
    }

    static func deployment(
        of number: Int, at hours: Double, to environment: String = "production", service: String = "hello"
    ) -> Event {
        .commitDeployed(
            Deployment(
                id: commit(number), env: environment, occurredOn: time(hours), service: service, repository: repository)
        )
    }

    /// The schema of the file of deployments as the release before facts wrote it.
    static let ledgerOfTheReleaseBefore = """
        CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY);
        INSERT INTO grdb_migrations VALUES ('1'), ('2'), ('plausible times'), ('kept for a time');
        CREATE TABLE pushes (
            commit_id TEXT NOT NULL, repository TEXT NOT NULL, pushed_at INTEGER NOT NULL,
            received_at INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (commit_id, repository)
        ) WITHOUT ROWID;
        CREATE TABLE deployments (
            event_id TEXT NOT NULL PRIMARY KEY, service TEXT NOT NULL, environment TEXT NOT NULL, commit_id TEXT NOT NULL,
            deployed_at INTEGER NOT NULL, succeeded INTEGER NOT NULL DEFAULT 1, plausible INTEGER NOT NULL DEFAULT 1,
            received_at INTEGER NOT NULL DEFAULT 0
        ) WITHOUT ROWID;
        CREATE INDEX deployments_in_time ON deployments (service, environment, succeeded, deployed_at);
        CREATE TABLE forgotten (id INTEGER PRIMARY KEY CHECK (id = 1), before INTEGER NOT NULL);
        """

    static func received(_ fact: Fact, event: MessageID? = nil, at hours: Double = 0) -> ReceivedFact? {
        ReceivedFact(fact.message(event: event), receivedAt: time(hours))
    }
}
