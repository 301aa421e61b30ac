import Sluice
import SluiceGateway
import Testing

struct DeploymentsSourceTests {
    private func read(_ json: String) throws -> Event {
        try DeploymentsSource.read(Message(payload: Array(json.utf8)))
    }

    @Test(arguments: [
        "\"2026-01-02T03:04:05.678Z\"", "\"2026-01-02T05:04:05.678+02:00\"", "1767323045.678", "1767323045678",
        "1767323045678.9", "1.767323045678e9",
    ])
    func readsTimesInAllTheirForms(timestamp: String) throws {
        let event = try read(#"{"commit_id":"ABCD1234","env":"staging","timestamp":\#(timestamp),"more":[1]}"#)
        let time = Timestamp(millisecondsSince1970: 1_767_323_045_678)
        #expect(event == .commitDeployed(Deployment(id: "abcd1234", env: "staging", occurredOn: time)))
    }

    @Test(arguments: [(#""failure""#, false), (#""success""#, true), ("null", true)])
    func readsWhetherItSucceeded(result: String, succeeded: Bool) throws {
        let event = try read(#"{"commit_id":"abcd","env":"e","timestamp":1,"result":\#(result)}"#)
        #expect(event.kind == (succeeded ? .commitDeployed : .deploymentFailed))
    }

    @Test func keepsServiceAndRepository() throws {
        let event = try read(
            #"{"service":"api","repository":"octo/api","commit_id":"abcd","env":"größe","timestamp":0}"#)
        #expect(
            event
                == .commitDeployed(
                    Deployment(
                        id: "abcd", env: "größe", occurredOn: Timestamp(millisecondsSince1970: 0), service: "api",
                        repository: "octo/api")))
    }

    private static let good = ["commit_id": "\"abcd\"", "env": "\"e\"", "timestamp": "1", "service": "\"s\""]

    @Test(arguments: [
        ("commit_id", "\"\""), ("commit_id", "\"abc\""), ("commit_id", "\"ghij\""), ("commit_id", "null"),
        ("commit_id", "\"abcd \""), ("commit_id", "\"" + String(repeating: "a", count: 65) + "\""), ("commit_id", "12"),
        ("env", "\"\""), ("env", "\"a\\nb\""), ("env", "\"a\\u202eb\""), ("env", "null"), ("env", "[]"),
        ("env", "\"" + String(repeating: "e", count: 256) + "\""), ("timestamp", "null"), ("timestamp", "\"\""),
        ("timestamp", "-1"), ("timestamp", "1e30"), ("timestamp", "999999999999999"), ("timestamp", "\"1767323045\""),
        ("timestamp", "true"), ("service", "\"a\\u0000\""), ("service", "5"),
    ])
    func refusesWhatIsNotADeployment(field: String, value: String) throws {
        let fields = Self.good.merging([field: value]) { $1 }.sorted { $0.key < $1.key }
        let body = "{" + fields.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",") + "}"
        let error = #expect(throws: SourceError.self) { try read(body) }
        #expect(try #require(error).disposition.isPermanent)
    }

    @Test(arguments: ["", "{", "[]", "5", "{}", #"{"commit_id":"abcd"}"#])
    func refusesWhatIsNotWhole(body: String) {
        #expect(throws: SourceError.self) { try read(body) }
    }
}
