import GRDB
import Sluice

extension FactStore {
    /// All that is known, in whatever order the file has it: that is the fastest way to read it.
    func history() throws -> DeploymentHistory {
        try read { database, hasFacts in
            var history = DeploymentHistory(keepsTexts: false)
            let query = FactQuery(filter: FactFilter(), hasFacts: hasFacts, isSorted: false)
            try query.add(to: &history, database)
            return history
        }
    }

    /// What is known of some services: their deployments and incidents, and every push to the repositories that these may be of.
    /// They are judged by it as they are by all facts.
    /// - Parameter repositories: where their commits were found before, in small letters.
    func history(of services: Set<String>, in repositories: Set<String>) throws -> DeploymentHistory {
        try read { database, hasFacts in
            var history = DeploymentHistory(keepsTexts: false)
            var repositories = repositories
            var unnamed: Set<String> = []
            var query = FactQuery(filter: FactFilter(), hasFacts: hasFacts, services: services, isSorted: false)
            try query.forEachOther(database) { fact in
                if case .deployment(let deployment) = fact {
                    if let repository = deployment.repository, !repository.isEmpty {
                        repositories.insert(repository.lowercased())
                    } else {
                        unnamed.insert(deployment.commit)
                    }
                }
                history.add(fact)
            }
            for commit in unnamed { repositories.formUnion(try Self.repositories(with: commit, database)) }
            query.repositories = repositories
            try query.addPushes(to: &history, database)
            return history
        }
    }

    /// The repositories of all commits whose hash begins so.
    private static func repositories(with digits: String, _ database: Database) throws -> [String] {
        // What comes behind the digits is less than any other letter.
        let statement = try database.cachedStatement(
            sql: "SELECT DISTINCT repository FROM pushes WHERE commit_id >= ?1 AND commit_id < ?1 || 'g'")
        return try String.fetchAll(statement, arguments: [digits.lowercased()]).map { $0.lowercased() }
    }
}
