import Foundation
import GatewayTestSupport
import Testing

/// docker-compose.yml, as docker-compose itself reads it: checked, and with its variables replaced.
struct ComposeFile: Decodable {
    struct Service: Decodable {
        struct Build: Decodable {
            let context: String
        }
        struct HealthCheck: Decodable {
            let test: [String]
            let interval: String
            let timeout: String
            let retries: Int
        }
        struct Deploy: Decodable {
            struct Resources: Decodable {
                struct Limits: Decodable {
                    let cpus: Double
                    let memory: String
                }
                let limits: Limits
            }
            let resources: Resources
        }
        struct Condition: Decodable {
            let condition: String
        }

        let image: String
        let build: Build?
        let command: [String]?
        let environment: [String: String]?
        let healthcheck: HealthCheck
        let deploy: Deploy
        let restart: String
        let ports: [String]
        let volumes: [String]
        let dependsOn: [String: Condition]?
        let securityOpt: [String]
        let privileged: Bool?
        let stopGracePeriod: String?
    }

    let services: [String: Service]
    let volumes: [String: [String: String]]

    static let isReadable = FileManager.default.isExecutableFile(atPath: "/usr/bin/docker-compose")

    /// - Parameter dotEnv: the text of `.env`.
    static func read(dotEnv: String = "") async throws -> ComposeFile {
        let directory = try TemporaryDirectory()
        let environment = directory.path + "/.env"
        try Data(dotEnv.utf8).write(to: URL(fileURLWithPath: environment))
        // Debian's docker-compose brings the parser of YAML with it.
        let script = #"""
            set -e
            docker-compose --env-file "$2" -f "$1" config > "$3"
            exec /usr/bin/python3 -c 'import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)' < "$3"
            """#
        let answer = try await runTool(
            [
                "-i", "PATH=/usr/bin:/bin", "HOME=\(directory.path)", "sh", "-c", script, "sh",
                Repository.file("docker-compose.yml").path, environment, directory.path + "/config.yml",
            ], in: directory)
        try #require(answer.status == 0, "docker-compose does not accept it: \(answer.output)")
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(ComposeFile.self, from: Data(answer.output.utf8))
    }
}
