import Sluice

/// A fact as a line of JSON, for `sluice report deployments --from`. docs/DEPLOYMENTS.md describes the members.
package struct FactLine {
    /// What is wrong with a line. It never shows the line.
    package struct Fault: Error, CustomStringConvertible {
        package let description: String
    }

    private var kind: String?
    private var id: String?
    private var service: String?
    private var environment: String?
    private var commit: String?
    private var repository: String?
    private var ref: String?
    private var before: String?
    private var after: String?
    private var isForced = false
    private var hasBefore = false
    private var hasAfter = false
    private var succeeded = true
    private var version: String?
    private var description: String?
    private var url: String?
    private var times: [String: Timestamp] = [:]
    private var commits: [PushFact.Commit] = []

    package static func read(_ line: [UInt8]) throws(Fault) -> Fact {
        var fields = FactLine()
        do {
            try JSONReader.read(line) { (reader) throws(JSONError) in
                try reader.object { (key, reader) throws(JSONError) in try fields.read(key, &reader) }
            }
        } catch {
            throw Fault(description: "\(error)")
        }
        return try fields.fact()
    }

    private mutating func read(_ key: borrowing JSONKey, _ reader: inout JSONReader) throws(JSONError) {
        if key == "fact" {
            kind = try reader.stringOrSkip()
        } else if key == "id" {
            id = try reader.stringOrSkip()
        } else if key == "service" {
            service = try reader.stringOrSkip()
        } else if key == "environment" {
            environment = try reader.stringOrSkip()
        } else if key == "commit" {
            commit = try reader.stringOrSkip()
        } else if key == "repository" {
            repository = try reader.stringOrSkip()
        } else if key == "ref" {
            ref = try reader.stringOrSkip()
        } else if key == "before" {
            hasBefore = true
            before = try reader.stringOrNull()
        } else if key == "after" {
            hasAfter = true
            after = try reader.stringOrNull()
        } else if key == "forced" {
            isForced = try reader.boolean()
        } else if key == "succeeded" {
            succeeded = try reader.boolean()
        } else if key == "version" {
            version = try reader.stringOrSkip()
        } else if key == "description" {
            description = try reader.stringOrSkip()
        } else if key == "url" {
            url = try reader.stringOrSkip()
        } else if key == "commits" {
            try reader.array { (reader) throws(JSONError) in commits.append(try Self.commit(&reader)) }
        } else {
            try readTime(key, &reader)
        }
    }

    private mutating func readTime(_ key: borrowing JSONKey, _ reader: inout JSONReader) throws(JSONError) {
        if key == "pushed" {
            times["pushed"] = try EventTime.read(&reader)
        } else if key == "started" {
            times["started"] = try EventTime.read(&reader)
        } else if key == "finished" {
            times["finished"] = try EventTime.read(&reader)
        } else if key == "opened" {
            times["opened"] = try EventTime.read(&reader)
        } else if key == "resolved" {
            times["resolved"] = try EventTime.read(&reader)
        }
    }

    private static func commit(_ reader: inout JSONReader) throws(JSONError) -> PushFact.Commit {
        var commit = PushFact.Commit(id: "", author: "", madeAt: nil, title: "")
        try reader.object { (key, reader) throws(JSONError) in
            if key == "id" {
                commit.id = try reader.string()
            } else if key == "author" {
                commit.author = EventField.author(try reader.stringOrSkip()) ?? ""
            } else if key == "made" {
                commit.madeAt = try EventTime.read(&reader)
            } else if key == "title" {
                commit.title = (try reader.stringOrSkip() ?? "").truncated(toBytes: 255).firstLine
            }
        }
        return commit
    }

    private func fact() throws(Fault) -> Fact {
        switch kind {
        case "push": .push(try push())
        case "deployment": .deployment(try deployment())
        case "incident": .incident(try incident())
        default: throw Fault(description: "fact: expected push, deployment or incident")
        }
    }

    private func push() throws(Fault) -> PushFact {
        guard let pushedAt = times["pushed"] else { throw Fault(description: "pushed: expected a time") }
        var push = PushFact(
            repository: try name("repository", repository, orEmpty: true), ref: EventField.ref(ref),
            before: try hash("before", before), after: try hash("after", after), isForced: isForced,
            isLinked: hasBefore && hasAfter, pushedAt: pushedAt, commits: [])
        for var commit in commits {
            guard let id = EventField.commit(commit.id) else {
                throw Fault(description: "commits: expected an id of 4 to 64 hexadecimal digits in each")
            }
            commit.id = id
            push.commits.append(commit)
        }
        return push
    }

    private func deployment() throws(Fault) -> DeploymentFact {
        guard let finished = times["finished"] else { throw Fault(description: "finished: expected a time") }
        guard let commit = try hash("commit", commit) else { throw Fault(description: "commit: expected a hash") }
        let repository = try repository.map { name throws(Fault) in try self.name("repository", name, orEmpty: true) }
        return DeploymentFact(
            id: try name("id", id), service: try name("service", service),
            environment: try name("environment", environment), commit: commit, startedAt: times["started"],
            finishedAt: finished, succeeded: succeeded, repository: repository, version: version.flatMap(EventField.name),
            description: description, url: EventField.url(url))
    }

    private func incident() throws(Fault) -> IncidentFact {
        IncidentFact(
            id: try name("id", id), service: try name("service", service), openedAt: times["opened"],
            resolvedAt: times["resolved"])
    }

    private func name(_ member: String, _ text: String?, orEmpty: Bool = false) throws(Fault) -> String {
        if orEmpty, text ?? "" == "" { return "" }
        guard let name = text.flatMap(EventField.name) else {
            throw Fault(description: "\(member): expected 1 to 255 bytes without control characters")
        }
        return name
    }

    private func hash(_ member: String, _ text: String?) throws(Fault) -> String? {
        guard let text else { return nil }
        guard let hash = EventField.commit(text) else {
            throw Fault(description: "\(member): expected 4 to 64 hexadecimal digits")
        }
        // What git writes for "nothing".
        return hash.utf8.allSatisfy { $0 == UInt8(ascii: "0") } ? nil : hash
    }
}
